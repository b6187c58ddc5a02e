"""Webhooks: who manages them, what they see, and what arrives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from standardwebhooks import Webhook as Verifier

from providers.memory import MemoryProvider
from service.concurrency.tasks import Tasks
from service.domain.webhooks.limits import MAX_SUBSCRIPTIONS, MAX_WEBHOOKS, DeliveryLimits
from service.events.bus import MemoryBus
from service.outgoing.client import OutgoingClient
from service.store import Store
from service.viewers.memory import MemoryViewers
from service.wiring.domain import Conference, assembled
from service.wiring.ports import Ports
from tests.api.conftest import MEETING_SIGNER, Api
from tests.api.people import Person, new_user
from tests.receiver import LOOPBACK, Received, Receiver, answer, answering, receiving
from tests.waiting import until

EVERYTHING = [{"channel_pattern": "/**"}]


@pytest.fixture
async def conference(
    store: Store, provider: MemoryProvider, viewers: MemoryViewers, tasks: Tasks
) -> AsyncIterator[Conference]:
    """Yield the product with a deliverer that reaches receivers on this computer and repeats failures soon."""
    limits = DeliveryLimits(retry_after=(0.01, 0.02), check_every=0.1, timeout=5.0)
    async with OutgoingClient(LOOPBACK) as outgoing:
        ports = Ports(
            store,
            viewers,
            provider,
            MEETING_SIGNER,
            tasks.spawn,
            MemoryBus(),
            outgoing=outgoing,
            delivery_limits=limits,
        )
        async with assembled(ports) as opened:
            opened.writers.start()
            opened.deliverer.start()
            yield opened


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as opened:
        yield opened


@pytest.fixture
async def boss(api: Api, ada: Person) -> Person:
    """Ada as a manager of the organization."""
    await managed(api, ada)
    return ada


async def managed(api: Api, person: Person) -> None:
    await api.store.directory.set_manager(UUID(person.id), True, datetime.now(UTC))


async def of_organization(api: Api) -> Person:
    """Return the organization itself, by a token without a user."""
    issued = await api.accounts.create_token(api.organization, None)
    return Person(api, "", issued.secret)


async def hook(person: Person, url: str = "https://hooks.example.com/in", **more: Any) -> Any:
    return await person.made("webhooks", {"endpoint_url": url, "channel_subscriptions": EVERYTHING, **more})


async def settled(person: Person, webhook: Any, **expected: Any) -> Any:
    """Return the webhook once it has these values."""
    while True:
        found = await person.seen(f"webhooks/{webhook['id']}")
        if all(found[name] == value for name, value in expected.items()):
            return found


async def finished(person: Person, webhook: Any, delivery: Any) -> Any:
    while True:
        found = await person.seen(f"webhooks/{webhook['id']}/deliveries/{delivery['id']}")
        if found["status"] in ("successful", "failed"):
            return found


async def test_managers_and_organization_tokens_manage_webhooks_and_others_do_not(
    api: Api, ada: Person, bob: Person
) -> None:
    organization = await of_organization(api)
    webhook = await hook(organization)
    where = f"webhooks/{webhook['id']}"
    for method, path in (
        ("GET", "webhooks"), ("POST", "webhooks"), ("GET", where), ("PUT", where), ("PATCH", where), ("DELETE", where),
        ("POST", f"{where}/test"), ("POST", f"{where}/rotate_secret"), ("POST", f"{where}/replay"),
        ("GET", f"{where}/deliveries"), ("GET", f"{where}/deliveries/{uuid4()}"),
        ("POST", f"{where}/deliveries/{uuid4()}/resend"),
    ):  # fmt: skip
        body = {"endpoint_url": "https://a.example.com", "channel_subscriptions": EVERYTHING, "since": 0}
        assert (await bob.call(method, path, body if method != "GET" else None))[0] == 403
    await managed(api, ada)
    assert [each["id"] for each in await ada.all("webhooks")] == [webhook["id"]]
    assert (await ada.delete(where))[0] == 204
    assert (await organization.get(where))[0] == 404


async def test_the_secret_is_shown_at_creation_and_rotation_only(boss: Person, receiver: Receiver) -> None:
    webhook = await hook(boss, receiver.url)
    where = f"webhooks/{webhook['id']}"
    assert webhook["secret"].startswith("whsec_")
    assert "secret" not in await boss.seen(where)
    assert "secret" not in (await boss.all("webhooks"))[0]
    assert "secret" not in (await boss.patch(where, {"is_enabled": True}))[1]
    status, rotated = await boss.post(f"{where}/rotate_secret")
    assert status == 200 and rotated["secret"] not in ("", webhook["secret"])
    await boss.post(f"{where}/test")
    await until(lambda: len(receiver.received) == 1)
    assert receiver.received[0].is_signed_by(webhook["secret"]), "for a day"
    assert receiver.received[0].is_signed_by(rotated["secret"])
    assert not receiver.received[0].is_signed_by("whsec_" + "A" * 40)


async def test_a_new_webhook_has_the_shape_of_the_contract(api: Api, boss: Person) -> None:
    subscription = {
        "channel_pattern": f"/api/pub/v1/orgs/{api.organization}/channels/*/messages",
        "is_additions_subscribed": True,
        "is_changes_subscribed": False,
        "is_removals_subscribed": True,
    }
    webhook = await hook(boss, channel_subscriptions=[subscription])
    assert {name: webhook[name] for name in ("endpoint_url", "channel_subscriptions", "audience", "user_id")} == {
        "endpoint_url": "https://hooks.example.com/in",
        "channel_subscriptions": [subscription],
        "audience": "organization",
        "user_id": None,
    }
    assert (webhook["is_enabled"], webhook["disabled_because"], webhook["missed_events"]) == (True, None, None)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"endpoint_url": "http://127.0.0.1/"}, None),
        ({"endpoint_url": "http://10.0.0.1/"}, "endpoint_url"),
        ({"endpoint_url": "https://[::1]/"}, "endpoint_url"),
        ({"endpoint_url": "https://2852039166/"}, "endpoint_url"),
        ({"endpoint_url": "https://0x7f.0.0.1:8443/"}, "endpoint_url"),
        ({"endpoint_url": "ftp://example.com/"}, "endpoint_url"),
        ({"endpoint_url": "https://user:pw@example.com/"}, "endpoint_url"),
        ({"endpoint_url": "https://example.com/" + "a" * 2048}, "endpoint_url"),
        ({"channel_subscriptions": [{"channel_pattern": "no path"}]}, "channel_subscriptions.0.channel_pattern"),
        ({"channel_subscriptions": [{"channel_pattern": "/a/**/b"}]}, "channel_subscriptions.0.channel_pattern"),
        ({"channel_subscriptions": [{"channel_pattern": "/" + "a" * 512}]}, "channel_subscriptions.0.channel_pattern"),
        ({"channel_subscriptions": EVERYTHING * (MAX_SUBSCRIPTIONS + 1)}, "channel_subscriptions"),
        ({"audience": "everybody"}, "audience"),
    ],
)
async def test_bad_webhooks_are_refused_by_field(boss: Person, body: dict[str, Any], field: str | None) -> None:
    whole = {"endpoint_url": "https://a.example.com/", "channel_subscriptions": EVERYTHING, **body}
    status, answer = await boss.post("webhooks", whole)
    assert status == (201 if field is None else 400)
    assert field is None or _has(answer, field.split("."))


def _has(answer: Any, path: list[str]) -> bool:
    for step in path:
        answer = answer[int(step)] if isinstance(answer, list) else answer.get(step)
        if answer is None:
            return False
    return True


async def test_an_organization_has_a_limited_number_of_webhooks(boss: Person) -> None:
    for _ in range(MAX_WEBHOOKS):
        await hook(boss)
    status, answer = await boss.post("webhooks", {"endpoint_url": "https://a.example.com", "channel_subscriptions": []})
    assert (status, answer) == (409, {"detail": "An organization can have at most 50 webhooks."})
    assert len(await boss.all("webhooks")) == MAX_WEBHOOKS


async def test_events_arrive_signed_in_order_and_as_the_contract_says(
    api: Api, boss: Person, receiver: Receiver
) -> None:
    channel = await boss.channel()
    pattern = f"/api/pub/v1/orgs/{api.organization}/channels/*/messages"
    webhook = await hook(boss, receiver.url, channel_subscriptions=[{"channel_pattern": pattern}])
    said = [await boss.say(channel, f"number {number}") for number in range(5)]
    await boss.patch(f"channels/{channel}/messages/{said[0]['id']}", {"body": {"version": 3, "chunks": []}})
    await until(lambda: len(receiver.received) == 6)
    messages = [each.message for each in receiver.received]
    assert [each["action"] for each in messages] == ["added"] * 5 + ["changed"]
    assert [each["resource_id"] for each in messages] == [each["id"] for each in [*said, said[0]]]
    assert messages[1]["resource"] == said[1]
    assert messages[0]["channel"] == pattern.replace("*", channel)
    assert [each["id"] for each in messages] == sorted(each["id"] for each in messages)
    for each in receiver.received:
        assert each.id == f"{api.organization}_{each.message['id']}"
        assert Verifier(webhook["secret"]).verify(each.body, each.headers) == each.message
        assert each.headers["content-type"] == "application/json"


async def test_only_what_is_subscribed_to_is_delivered(boss: Person, receiver: Receiver) -> None:
    channel = await boss.channel()
    nothing = {"is_additions_subscribed": False, "is_changes_subscribed": False, "is_removals_subscribed": False}
    changes = {**nothing, "is_changes_subscribed": True}
    webhook = await hook(
        boss,
        receiver.url,
        channel_subscriptions=[
            {"channel_pattern": f"/api/pub/v1/orgs/*/channels/{channel.upper()}/messages", **changes},
            {"channel_pattern": "/**", **nothing},
            {"channel_pattern": "/api/pub/v1/orgs/*/channels"},
        ],
    )
    message = await boss.say(channel)
    await boss.patch(f"channels/{channel}/messages/{message['id']}", {"body": {"version": 3, "chunks": []}})
    path = f"channels/{channel}/messages"
    await until(lambda: any(path in each.message["channel"] for each in receiver.received))
    found = [each.message for each in receiver.received if path in each.message["channel"]]
    assert [each["action"] for each in found] == ["changed"]
    assert webhook["channel_subscriptions"][1]["is_removals_subscribed"] is False


async def test_private_channels_reach_only_webhooks_with_the_view_of_a_member(
    api: Api, boss: Person, bob: Person
) -> None:
    carol = await new_user(api, "Carol")
    for person in (bob, carol):
        await managed(api, person)
    async with receiving() as public, receiving() as bobs, receiving() as carols:
        await hook(await of_organization(api), public.url)
        await hook(boss, public.url)
        await hook(bob, bobs.url, audience="user")
        await hook(carol, carols.url, audience="user")
        secret = await boss.channel("Secret", is_private=True, members=[bob.id])
        direct = await boss.direct(bob)
        open_one = await boss.channel("Open")
        await boss.say(secret, "for members only")
        await boss.say(direct, "for two")
        last = await boss.say(open_one, "for all")

        def arrived(receiver: Receiver) -> bool:
            return any(each.message["resource_id"] == last["id"] for each in receiver.received)

        await until(lambda: arrived(public) and arrived(bobs) and arrived(carols))
        assert b"for members only" in b"".join(each.body for each in bobs.received)
        assert b"for two" in b"".join(each.body for each in bobs.received)
        for receiver in (public, carols):
            seen = b"".join(each.body for each in receiver.received)
            assert b"for all" in seen
            assert b"for members only" not in seen and b"for two" not in seen
            assert secret.encode() not in seen and direct.encode() not in seen


async def test_a_user_that_left_a_private_channel_gets_no_more_of_its_events(
    api: Api, boss: Person, bob: Person
) -> None:
    await managed(api, bob)
    secret = await boss.channel("Secret", is_private=True, members=[bob.id])
    open_one = await boss.channel("Open")
    async with receiving() as receiver:
        await hook(bob, receiver.url, audience="user")
        assert (await bob.delete(f"channels/{secret}/members/{bob.id}"))[0] == 204
        await boss.say(secret, "behind closed doors")
        last = await boss.say(open_one)
        await until(lambda: any(each.message["resource_id"] == last["id"] for each in receiver.received))
        assert b"behind closed doors" not in b"".join(each.body for each in receiver.received)


async def test_a_webhook_with_the_view_of_a_user_is_theirs_alone(api: Api, boss: Person, bob: Person) -> None:
    await managed(api, bob)
    webhook = await hook(bob, audience="user")
    assert webhook["user_id"] == bob.id
    for other in (boss, await of_organization(api)):
        assert await other.all("webhooks") == []
        assert (await other.patch(f"webhooks/{webhook['id']}", {"endpoint_url": "https://x.example.com"}))[0] == 404
        assert (await other.get(f"webhooks/{webhook['id']}/deliveries"))[0] == 404
    body = {"endpoint_url": "https://x.example.com", "channel_subscriptions": [], "audience": "user"}
    assert (await (await of_organization(api)).post("webhooks", body))[0] == 400


async def test_a_webhook_ends_with_the_role_of_its_user(api: Api, boss: Person, bob: Person) -> None:
    await managed(api, bob)
    async with receiving() as receiver:
        webhook = await hook(bob, receiver.url, audience="user")
        await api.store.directory.set_manager(UUID(bob.id), False, datetime.now(UTC))
        await boss.say(await boss.channel(), "not for bob")
        await until_disabled(api, webhook["id"])
        assert receiver.received == []


async def until_disabled(api: Api, webhook_id: str) -> None:
    while True:
        found = await api.store.webhooks.webhook(api.organization, UUID(webhook_id))
        if found is not None and found.disabled is not None:
            return


async def test_another_organization_sees_nothing(api: Api, boss: Person) -> None:
    beside = await api.organization_beside()
    stranger = Person(beside, str(beside.user), beside.token)
    await beside.store.directory.set_manager(beside.user, True, datetime.now(UTC))
    webhook = await hook(boss)
    assert (await stranger.get(f"webhooks/{webhook['id']}"))[0] == 404
    assert (await stranger.get(f"{api.base}/webhooks/{webhook['id']}"))[0] == 403
    async with receiving() as receiver:
        await hook(stranger, receiver.url)
        await boss.say(await boss.channel())
        delivered = await stranger.say(await stranger.channel())
        await until(lambda: any(each.message["resource_id"] == delivered["id"] for each in receiver.received))
        assert {each.message["channel"].split("/")[5] for each in receiver.received} == {str(beside.organization)}


async def test_a_ping_has_its_result_in_the_log(boss: Person, receiver: Receiver) -> None:
    webhook = await hook(boss, receiver.url, is_enabled=False)
    where = f"webhooks/{webhook['id']}"
    receiver.behaviour = answering(503, b"sorry \x00" + b"x" * 2000)
    status, requested = await boss.post(f"{where}/test")
    assert (status, requested["status"], requested["event_id"]) == (202, "pending", None)
    found = await finished(boss, webhook, requested)
    assert (found["status"], found["response_status"], found["is_requested"]) == ("failed", 503, True)
    assert found["response_body"] == "sorry �" + "x" * (1024 - 7)
    assert found["error"] == "The endpoint answered with status 503."
    assert found["duration"] >= 0
    assert receiver.received[0].message["action"] == "ping"
    assert receiver.received[0].id == f"ping_{requested['id']}"
    assert await boss.all(f"{where}/deliveries") == [found]


async def test_a_failed_event_is_repeated_with_the_same_id_and_disabled_in_the_end(
    api: Api, boss: Person, receiver: Receiver
) -> None:
    channel = await boss.channel()
    pattern = [{"channel_pattern": "/api/pub/v1/orgs/*/channels/*/messages"}]
    webhook = await hook(boss, receiver.url, channel_subscriptions=pattern)
    receiver.behaviour = answering(500)
    await boss.say(channel, "one")
    await boss.say(channel, "two")
    disabled = await settled(boss, webhook, is_enabled=False)
    assert disabled["disabled_because"] == "failing"
    assert len(receiver.received) == 3 and len(set(receiver.ids)) == 1
    log = await boss.all(f"webhooks/{webhook['id']}/deliveries")
    assert [(each["status"], each["retry_index"]) for each in log] == [("failed", 2), ("failed", 1), ("failed", 0)]
    assert await boss.all(f"webhooks/{webhook['id']}/deliveries?status=successful") == []

    receiver.behaviour = answering(204)
    await boss.patch(f"webhooks/{webhook['id']}", {"is_enabled": True})
    await until(lambda: len(set(receiver.ids)) == 2)
    done = await settled(boss, webhook, retry_index=0, is_enabled=True)
    assert done["disabled_because"] is None


async def test_an_endpoint_that_is_gone_disables_its_webhook_at_once(boss: Person, receiver: Receiver) -> None:
    webhook = await hook(boss, receiver.url)
    receiver.behaviour = answering(410)
    await boss.say(await boss.channel())
    disabled = await settled(boss, webhook, is_enabled=False)
    assert disabled["disabled_because"] == "gone"
    assert len(receiver.received) == 1


async def test_that_a_webhook_was_disabled_is_an_event_for_the_others(boss: Person, receiver: Receiver) -> None:
    channel = await boss.channel()
    async with receiving() as gone:
        gone.behaviour = answering(410)
        pattern = [{"channel_pattern": "/api/pub/v1/orgs/*/webhooks"}]
        await hook(boss, receiver.url, channel_subscriptions=pattern)
        webhook = await hook(boss, gone.url)
        await boss.say(channel)
        await until(lambda: bool(receiver.received))
    message = receiver.received[0].message
    assert (message["action"], message["resource_id"]) == ("changed", webhook["id"])
    assert message["resource"] == {"id": webhook["id"], "is_enabled": False, "disabled_because": "gone"}


async def test_a_channel_that_becomes_private_leaves_the_view_of_the_organization(
    boss: Person, receiver: Receiver
) -> None:
    channel = await boss.channel("Open")
    marker = await boss.channel("Marker")
    await hook(boss, receiver.url)
    private = asyncio.Event()

    async def wait(received: Received, writer: asyncio.StreamWriter) -> None:
        await private.wait()
        await answer(received, writer)

    receiver.behaviour = wait
    await boss.say(marker)
    await until(lambda: bool(receiver.received))
    await boss.say(channel, "said in public, read in private")
    assert (await boss.patch(f"channels/{channel}", {"is_private": True}))[0] == 200
    private.set()
    last = await boss.say(marker)
    await until(lambda: any(each.message["resource_id"] == last["id"] for each in receiver.received))
    of_it = [each.message for each in receiver.received if each.message["resource_id"] == channel]
    assert [each["action"] for each in of_it] == ["removed"]
    assert b"read in private" not in b"".join(each.body for each in receiver.received)


async def test_an_event_can_be_sent_again_and_events_replayed(boss: Person, receiver: Receiver) -> None:
    channel = await boss.channel()
    pattern = [{"channel_pattern": "/api/pub/v1/orgs/*/channels/*/messages"}]
    webhook = await hook(boss, receiver.url, channel_subscriptions=pattern)
    for text in ("one", "two", "three"):
        await boss.say(channel, text)
    await until(lambda: len(receiver.received) == 3)
    first_ids = list(receiver.ids)
    where = f"webhooks/{webhook['id']}"
    oldest = (await boss.all(f"{where}/deliveries?page_size=1"))[-1]
    status, again = await boss.post(f"{where}/deliveries/{oldest['id']}/resend")
    assert status == 202 and again["event_id"] == oldest["event_id"]
    assert (await finished(boss, webhook, again))["status"] == "successful"
    assert receiver.ids == [*first_ids, first_ids[0]]

    since = receiver.received[0].message["id"]
    assert (await boss.post(f"{where}/replay", {"since": since}))[0] == 202
    await until(lambda: len(receiver.received) == 6)
    assert receiver.ids[4:] == first_ids[1:]
    assert (await boss.post(f"{where}/replay", {"since": 10**6}))[0] == 400


async def test_events_that_were_purged_before_their_delivery_are_named(
    api: Api, boss: Person, receiver: Receiver
) -> None:
    channel = await boss.channel()
    webhook = await hook(boss, receiver.url, is_enabled=False)
    begin = webhook["last_event_id"]
    for _ in range(3):
        await boss.say(channel)
    head = (await api.store.events.heads([api.organization]))[api.organization]
    await api.store.events.purge_events(datetime.now(UTC), 10_000)
    await boss.patch(f"webhooks/{webhook['id']}", {"is_enabled": True})
    found = await settled(boss, webhook, missed_events={"first": begin + 1, "last": head.last_id})
    assert found["is_enabled"]
    message = await boss.say(channel, "and on it goes")
    await until(lambda: any(each.message["resource_id"] == message["id"] for each in receiver.received))


async def test_put_resets_what_is_not_sent(boss: Person) -> None:
    webhook = await hook(boss, is_enabled=False)
    assert webhook["disabled_because"] == "client"
    body = {"endpoint_url": "https://other.example.com/", "channel_subscriptions": []}
    status, changed = await boss.put(f"webhooks/{webhook['id']}", body)
    assert (status, changed["is_enabled"], changed["channel_subscriptions"]) == (200, True, [])
    assert changed["endpoint_url"] == "https://other.example.com/"
