"""The house rules, read off the source itself: who may import whom, who may start tasks and processes, and how long files get."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.readmes import documentation

ROOT = Path(__file__).parent.parent
MAX_LINES = 400
"""Look twice at 300; nothing is longer than this."""

MAX_TEST_LINES = 500
"""Tests hold tables."""

VAGUE = re.compile(
    r"\b([Hh]e|[Hh]im|[Hh]is|[Nn]obody|[Ss]omebody|[Ww]hoever|[Aa]nybody|[Aa]new|[Ff]or ever)\b|; beyond,"
)
"""Words instead of which the actor or the fact is named: the client, the visitor, the encoder, the operator; again, permanently."""

IO_MODULES = {"asyncio", "socket", "ssl", "time", "threading", "subprocess", "select", "selectors", "aiohttp"}

# In pieces, so that this file does not contain what it forbids.
REGISTRY_HOSTS = [
    ".".join(parts)
    for parts in [
        ("py" + "pi", "org"),
        ("python" + "hosted", "org"),
        ("registry", "npm" + "js", "org"),
        ("npm" + "js", "com"),
        ("deb", "debian", "org"),
        ("ghcr", "io"),
        ("docker", "io"),
        ("quay", "io"),
    ]
]


@cache
def tracked() -> tuple[Path, ...]:
    """Every file of the repository that is there."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    return tuple(path for name in listed.split("\0") if name and (path := ROOT / name).is_file())


def sources(*below: str) -> list[Path]:
    return [
        path
        for path in tracked()
        if path.suffix == ".py" and any(path.is_relative_to(ROOT / part) for part in below or ("service", "providers"))
    ]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), name_of(path))


def imports(path: Path) -> Iterator[str]:
    """Every imported module, and every `module.name` of a from-import, in full."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def imported(path: Path, *modules: str) -> list[str]:
    """Return what `path` imports of these modules, or below them."""
    return [
        each for each in imports(path) if any(each == module or each.startswith(f"{module}.") for module in modules)
    ]


def dotted(node: ast.AST) -> str:
    """`a.b.c` for an attribute chain, else ""."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := dotted(node.value)):
        return f"{before}.{node.attr}"
    return ""


def uses(path: Path, *names: str) -> list[str]:
    """Lines on which one of these dotted names is used, or a name imported from there."""
    found = [dotted(node) for node in ast.walk(tree(path)) if isinstance(node, ast.Attribute)]
    return [name for name in names if name in found or name in set(imports(path))]


def offenders(paths: list[Path], rule: str) -> dict[str, list[str]]:
    modules = rule.split()
    return {name_of(path): found for path in paths if (found := imported(path, *modules))}


def test_providers_do_not_know_the_service() -> None:
    assert offenders(sources("providers"), "service") == {}


def test_the_domain_knows_only_ports() -> None:
    allowed = {
        "providers.base",
        "providers.concurrency",
        "providers.health",
        "service.clock",
        "service.concurrency",
        "service.domain",
    }
    wrong = {}
    for path in sources("service/domain"):
        known = [each for each in imported(path, "service", "providers") if each not in {"service", "providers"}]
        if beyond := [each for each in known if not any(f"{each}.".startswith(f"{good}.") for good in allowed)]:
            wrong[name_of(path)] = beyond
    assert wrong == {}


def room(module: str) -> str:
    """Return the folder of the service or of the local provider that a module is in, or the module."""
    parts = module.split(".")
    return ".".join(parts[: 3 if parts[:2] == ["providers", "local"] else 2])


def in_circles(arrows: dict[str, set[str]]) -> set[str]:
    """Return the nodes that are left when those without arrows, or without arrows to them, are taken away, again and again."""
    left = dict(arrows)
    while free := left.keys() - {node for node, targets in left.items() if targets & left.keys()}:
        left = {node: targets for node, targets in left.items() if node not in free}
    while free := left.keys() - set().union(*left.values()):
        left = {node: targets for node, targets in left.items() if node not in free}
    return set(left)


@pytest.mark.parametrize("folder", ["service", "providers"])
def test_rooms_import_each_other_in_one_direction(folder: str) -> None:
    """No folder, nor a file beside the folders, imports what imports it."""
    modules = {name_of(path).removesuffix(".py").replace("/", "."): path for path in sources(folder)}
    arrows: dict[str, set[str]] = {}
    for module, path in modules.items():
        if path.name == "__init__.py":
            continue  # the face of a folder
        known = {each for each in imports(path) if each in modules or f"{each}.__init__" in modules}
        arrows.setdefault(room(module), set()).update({room(each) for each in known} - {room(module), "service"})
    assert in_circles(arrows) == set()


LEVELS = {
    "service": (
        "clock concurrency handover logs redis_process web",
        "domain",
        "attachment_files events http outgoing redis_child store viewers",
        "api metrics setting_urls",
        "setting_rules",
        "settings",
        "exclusive jitsi",
        "backup prepare private_files",
        "doctor wiring",
        "app cli",
        "__main__",
    ),
    "service/domain": (
        "entities errors names outgoing paging audience",
        "access events identifiers",
        "conversation status webhooks",
        "streams inboxes",
        "health",
    ),
    "providers/local": (
        "codecs ownership rtmp tls",
        "flv mp4",
        "health manifest packager ports transcoder",
        "ingest storage",
        "addresses live media_store metrics playback recording_rows",
        "abandoned config library",
        "peers",
        "provider",
    ),
}
"""The rooms (folders and files) in these folders, from the bottom to the top. Imports lead to lower levels only."""


@pytest.mark.parametrize("folder", LEVELS)
def test_rooms_import_lower_levels_only(folder: str) -> None:
    """Imports for type checking, and inside functions, count as well. A new room has to be entered in the table."""
    level = {name: number for number, names in enumerate(LEVELS[folder]) for name in names.split()}
    inside = folder.replace("/", ".") + "."
    found, upwards = set(), set()
    for path in sources(folder):
        at, *_ = path.relative_to(ROOT / folder).with_suffix("").parts
        if at == "__init__":
            continue
        found.add(at)
        targets = {each.removeprefix(inside).partition(".")[0] for each in imports(path) if each.startswith(inside)}
        higher = {to for to in targets & level.keys() - {at} if level[to] >= level.get(at, 0)}
        upwards |= {f"{name_of(path)} imports {to}" for to in higher}
    assert found == level.keys(), "enter a new folder or file in LEVELS"
    assert upwards == set()


@pytest.mark.parametrize("folder", ["service", "providers"])
def test_no_files_import_each_other_in_a_circle(folder: str) -> None:
    """Imports for type checking count as well."""
    modules = {name_of(path).removesuffix(".py").replace("/", "."): path for path in sources(folder)}
    arrows = {
        module: {each for each in imports(path) if each in modules} - {module}
        for module, path in modules.items()
        if path.name != "__init__.py"  # the face of a folder
    }
    assert in_circles(arrows) == set()


def test_the_domain_does_no_input_or_output() -> None:
    assert offenders(sources("service/domain"), "aiohttp redis sqlalchemy socket ssl subprocess") == {}


def test_one_client_calls_the_addresses_that_clients_give() -> None:
    """The others call addresses of the operator's configuration."""
    allowed = {"service/outgoing/", "service/doctor/", "providers/cloudflare/", "providers/local/playback/forward.py"}
    assert only_in(allowed, "aiohttp.ClientSession", "urllib.request", "http.client") == {}


@pytest.mark.parametrize("driver", ["service/store", "service/viewers", "service/events"])
def test_drivers_do_not_know_the_api_or_each_other(driver: str) -> None:
    others = {
        "service/store": "service.viewers.redis service.viewers.sorted_sets service.viewers.memory",
        "service/viewers": "service.store",
        "service/events": "service.store service.viewers",
    }
    assert (
        offenders(
            sources(driver), f"service.api service.app service.wiring.domain service.wiring.drivers {others[driver]}"
        )
        == {}
    )


def test_the_api_knows_only_http_the_domain_and_ports() -> None:
    allowed = "service.api service.clock service.http service.domain service.concurrency".split()
    ports = "providers.base providers.cors providers.health providers.negotiation".split()
    wrong = {}
    for path in sources("service/api"):
        known = [each for each in imported(path, "service", "providers") if each not in {"service", "providers"}]
        if strange := [
            each for each in known if not any(f"{each}.".startswith(f"{good}.") for good in allowed + ports)
        ]:
            wrong[name_of(path)] = strange
    assert wrong == {}
    assert offenders(sources("service/api"), "redis sqlalchemy") == {}


def test_http_knows_neither_the_resources_nor_the_drivers() -> None:
    upwards = (
        "service.api service.app service.wiring service.store service.viewers providers.local providers.cloudflare"
    )
    assert offenders(sources("service/http"), upwards) == {}


def test_only_the_wiring_knows_which_provider_there_is() -> None:
    kinds = "providers.local.provider providers.cloudflare.provider providers.memory"
    elsewhere = [path for path in sources("service") if not name_of(path).startswith("service/wiring/")]
    assert offenders(elsewhere, kinds) == {}


@pytest.mark.parametrize("package", ["providers/local/rtmp", "providers/local/packager"])
def test_protocol_code_does_no_input_or_output(package: str) -> None:
    assert offenders(sources(package), " ".join(IO_MODULES)) == {}


def test_the_rtmp_protocol_imports_nothing_from_the_rest() -> None:
    wrong = {}
    for path in sources("providers/local/rtmp"):
        ours = [each for each in imported(path, "providers", "service") if not each.startswith("providers.local.rtmp")]
        if beyond := [each for each in ours if not each.startswith("providers.local.flv.tag")]:
            wrong[name_of(path)] = beyond
    assert wrong == {}


def only_in(allowed: set[str], *names: str) -> dict[str, list[str]]:
    paths = [path for path in sources() if not any(name_of(path).startswith(place) for place in allowed)]
    return {name_of(path): found for path in paths if (found := uses(path, *names))}


def test_only_the_settings_read_the_environment() -> None:
    assert only_in({"service/settings.py"}, "os.environ", "os.getenv", "os.environb") == {}


def test_only_one_file_starts_tasks() -> None:
    starters = [path for path in sources() if name_of(path) != "service/concurrency/tasks.py"]
    found = [
        f"{name_of(path)}:{node.lineno}"
        for path in starters
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and (name := dotted(node.func) or getattr(node.func, "attr", ""))
        and name.rpartition(".")[2] in {"create_task", "ensure_future"}
        and not name.startswith(
            ("group.", "tasks.", "task_group.")
        )  # asyncio.TaskGroup owns and watches what it starts
    ]
    assert found == []


def test_processes_are_started_in_three_places_only() -> None:
    starters = (
        "asyncio.create_subprocess_exec",
        "asyncio.create_subprocess_shell",
        "subprocess",
        "os.system",
        "os.popen",
    )
    allowed = {"providers/local/transcoder/", "service/redis_child.py", "service/prepare.py"}
    assert only_in(allowed, *starters) == {}


def test_every_module_says_what_it_is() -> None:
    assert [
        name_of(path) for path in sources("service", "providers", "tests") if not ast.get_docstring(tree(path))
    ] == []


@pytest.mark.parametrize(
    ("folder", "limit"), [("service", MAX_LINES), ("providers", MAX_LINES), ("tests", MAX_TEST_LINES)]
)
def test_no_file_is_too_long(folder: str, limit: int) -> None:
    lengths = {name_of(path): len(path.read_bytes().splitlines()) for path in sources(folder)}
    assert {name: lines for name, lines in lengths.items() if lines > limit} == {}


def test_no_tracked_file_names_a_package_registry() -> None:
    forbidden = re.compile("|".join(re.escape(host) for host in REGISTRY_HOSTS).encode())
    found = {name_of(path): hit[0] for path in tracked() if (hit := forbidden.search(path.read_bytes()))}
    assert found == {}


@pytest.mark.parametrize("lock", ["requirements.lock", "tests/requirements.lock"])
def test_every_locked_requirement_has_hashes_and_nothing_else(lock: str) -> None:
    text = re.sub(r"(?m)^\s*#.*\n?", "", (ROOT / lock).read_text()).replace("\\\n", " ")
    requirement = re.compile(
        r"[a-z0-9._-]+(\[[a-z0-9,-]+\])?==\S+( ; [^#]*?)?( +--hash=sha256:[0-9a-f]{64})+", re.IGNORECASE
    )
    assert [line for line in text.splitlines() if line.strip() and not requirement.fullmatch(line.strip())] == []


def test_what_the_service_needs_is_locked_alike_for_the_tests() -> None:
    def pins(lock: str) -> set[str]:
        return set(re.findall(r"(?m)^[a-z0-9._-]+(?:\[[a-z0-9,-]+\])?==[^\s;\\]+", (ROOT / lock).read_text()))

    assert pins("requirements.lock") <= pins("tests/requirements.lock")


def test_texts_name_the_actor() -> None:
    """Documents, pages, docstrings, comments, log events and API texts."""
    texts = {"the documents": documentation()}
    for path in tracked():
        web = path.is_relative_to(ROOT / "service/web") and path.suffix in {".js", ".css", ".html"}
        if path in sources() or (web and not {"vendor", "client"} & set(path.parts)):
            texts[name_of(path)] = path.read_text(encoding="utf-8")
    assert len(texts) > 300
    assert [f"{name}: {found[0]}" for name, text in texts.items() for found in VAGUE.finditer(text)] == []
