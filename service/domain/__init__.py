"""The rules of the product by subject. No I/O, only ports: `service/store` implements those of stores, on two databases.

Each subject has its entities, its ports, the changes that it records, and the transaction that it records them in. The log of
events (`events/`) is below all of them and knows none. `tests/test_rules.py` holds the levels:

    health
    streams       inboxes
    conversation  status  webhooks
    access        events
    audience      entities, errors, paging, …

Times are aware datetimes.
"""
