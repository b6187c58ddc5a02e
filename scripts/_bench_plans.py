"""What `bench-lists` asks a database about the queries it ran: did each go along an index, and no further than it had to?

PostgreSQL is asked what it did (EXPLAIN ANALYZE): no large table read from end to end, no large sort, few rows discarded.
SQLite reports which index it uses (EXPLAIN QUERY PLAN), and its virtual machine counts the steps it made, which is what a walk
that is too long, or a sort that is too large, comes to.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sqlalchemy import event

from service.store import Store

BIG = ("channels", "members", "messages", "live_inputs", "stream_sessions", "users", "call_presences")
"""Tables that no query may scan when they are large."""

MAX_SORTED = 250
"""Rows that may be sorted: a page or two, which are then in no index' order."""

MAX_WASTED = 500
"""Rows a page may read in vain."""

MAX_STEPS = 60_000
"""Steps of SQLite's virtual machine one query may take. A page of 100 joined rows takes about 20,000."""

STEPS_A_TICK = 1_000

Query = tuple[str, Any]


class Plans:
    """Collects the queries made, and asks the database how it goes about them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._queries: dict[str, list[Query]] = {}
        self.list_name = ""
        """The list being requested; distinguishes the queries."""

        @event.listens_for(store.database._engine.sync_engine, "before_cursor_execute")
        def collect(_c: Any, _u: Any, statement: str, parameters: Any, _x: Any, _m: Any) -> None:
            if self.list_name and statement.startswith("SELECT"):
                self._queries.setdefault(self.list_name, []).append((statement, parameters))

    @property
    def count(self) -> int:
        return sum(map(len, self._queries.values()))

    async def problems(self, allowed: dict[str, str]) -> list[str]:
        """Return the problems, in sentences. `allowed`: lists whose search may discard many rows, and why."""
        explain = self._postgresql if self._store.database.dialect == "postgresql" else self._sqlite
        found = []
        for name, queries in self._queries.items():
            for statement, parameters in queries:
                found += [
                    f"{name}: {problem}\n    {' '.join(statement.split())}\n{plan}"
                    for problem, plan in [each async for each in explain(statement, parameters)]
                    if name not in allowed or "in vain" not in problem
                ]
        return found

    async def _postgresql(self, statement: str, parameters: Any) -> Any:
        async def ask(connection: Any) -> Any:
            found = await connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters)
            return found.scalar_one()

        answer = await self._store.database.read(ask)
        plan = (json.loads(answer) if isinstance(answer, str) else answer)[0]["Plan"]
        text = "\n".join(_shown(plan))
        for node in _nodes(plan):
            wasted = node.get("Rows Removed by Filter", 0) * node["Actual Loops"]
            read = node["Actual Rows"] * node["Actual Loops"] + wasted
            if node["Node Type"] == "Seq Scan" and node["Relation Name"] in BIG and read > MAX_WASTED:
                yield f"reads {node['Relation Name']} from end to end", text
            if "Sort" in node["Node Type"] and node["Plans"][0]["Actual Rows"] > MAX_SORTED:
                yield f"sorts {node['Plans'][0]['Actual Rows']} rows, reading some in vain", text
            if wasted > MAX_WASTED:
                yield f"reads {wasted} rows in vain", text

    async def _sqlite(self, statement: str, parameters: Any) -> Any:
        ticks = 0

        def tick() -> int:
            nonlocal ticks
            ticks += 1
            return 0

        async def ask(connection: Any) -> list[str]:
            found = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            lines = [str(row[-1]) for row in found.all()]
            driver = (await connection.get_raw_connection()).driver_connection
            await driver.set_progress_handler(tick, STEPS_A_TICK)
            (await connection.exec_driver_sql(statement, parameters)).all()
            await driver.set_progress_handler(None, 0)
            return lines

        lines = await self._store.database.read(ask)
        text = "\n".join(f"      {line}" for line in lines)
        for line in lines:
            word, _, rest = line.partition(" ")
            if word == "SCAN" and rest.split(" ")[0] in BIG and "USING" not in rest:
                yield f"reads {rest.split(' ')[0]} from end to end", text
        if ticks * STEPS_A_TICK > MAX_STEPS:
            yield f"takes {ticks * STEPS_A_TICK} steps, reading rows in vain or sorting them", text


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for each in plan.get("Plans", ()):
        yield from _nodes(each)


def _shown(plan: dict[str, Any], depth: int = 3) -> Iterator[str]:
    what = [plan["Node Type"], plan.get("Index Name") or plan.get("Relation Name") or ""]
    yield f"{'  ' * depth}{' '.join(what)} rows={plan['Actual Rows']} loops={plan['Actual Loops']}"
    for each in plan.get("Plans", ()):
        yield from _shown(each, depth + 1)
