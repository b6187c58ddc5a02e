"""The command `nodes`: which processes carry the streams of this database, and which broadcasts."""

from __future__ import annotations

import argparse
from datetime import datetime
from typing import TYPE_CHECKING, Any

from service.cli.arguments import command
from service.cli.running import begin, with_store

if TYPE_CHECKING:
    from service.store.repository import Store


def node_command(commands: Any) -> None:
    """Add the command."""
    command(commands, "nodes", _nodes, "list the nodes of the local provider and the broadcasts that they carry")


def _nodes(_: argparse.Namespace) -> int:
    async def show(store: Store) -> None:
        for node in await store.ownership.nodes():
            state = "alive" if node.alive else "dead"
            print("node", node.name, state, node.url or "-", _at(node.joined_at), _at(node.seen_at), sep="\t")
        for each in await store.ownership.running():
            state = "held" if each.held and each.alive else "open"
            claim = each.claim
            print(
                "broadcast", claim.uid, claim.input_uid, each.node, state, claim.fence, _at(each.claimed_at), sep="\t"
            )

    return with_store(begin(quiet=True), show)


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
