"""The form of changes in the log of events."""

from __future__ import annotations

import importlib
import pkgutil
from typing import get_args

import service.domain
from service.api.changes import RecordedChange
from service.domain.events.event import Change


def test_every_change_that_the_domain_records_has_a_form() -> None:
    for module in pkgutil.walk_packages(service.domain.__path__, "service.domain."):
        importlib.import_module(module.name)
    # By name: a dataclass with slots leaves the class that it was made from behind.
    assert {each.__name__ for each in Change.__subclasses__()} == {each.__name__ for each in get_args(RecordedChange)}
