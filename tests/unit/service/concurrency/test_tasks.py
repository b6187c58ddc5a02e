"""Background tasks are owned, and their deaths are heard."""

import asyncio

from service.concurrency.tasks import Tasks


async def test_a_dying_task_is_reported_to_the_owner() -> None:
    failures: list[BaseException] = []
    owner = Tasks(on_failure=failures.append)

    async def die() -> None:
        raise ValueError("broken")

    await asyncio.wait([owner.spawn(die(), name="mortal")])
    await asyncio.sleep(0)

    assert [str(each) for each in failures] == ["broken"]


async def test_closing_cancels_what_runs_and_reports_nothing() -> None:
    failures: list[BaseException] = []
    owner = Tasks(on_failure=failures.append)
    task = owner.spawn(asyncio.Event().wait(), name="patient")  # type: ignore[arg-type]

    await owner.aclose()
    await owner.aclose()

    assert task.cancelled()
    assert failures == []
