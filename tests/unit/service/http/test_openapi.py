"""The document says what the service does."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import MISSING, fields
from typing import Any

import jsonschema_rs
import pytest

from service.api.examples import EXAMPLES
from service.wiring import api
from service.wiring.api import ApiDependencies


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    """Return the whole document: describing an operation does not need its dependencies."""
    needed = [each.name for each in fields(ApiDependencies) if each.default is each.default_factory is MISSING]
    nothing: dict[str, Any] = dict.fromkeys(needed)
    return api.described(ApiDependencies(**nothing))


def each_operation(described: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation) for path, item in described["paths"].items() for method, operation in item.items()
    ]


def each_webhook(described: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for item in described["webhooks"].values() for operation in item.values()]


def test_every_operation_names_the_errors_that_can_occur(described: dict[str, Any]) -> None:
    for path, method, operation in each_operation(described):
        expected = {"404", "405", "429", "500", "503"}
        if operation["security"]:
            expected |= {"401", "403"}
        if "requestBody" in operation:
            expected |= {"400", "413", "415"}
        assert expected <= set(operation["responses"]), (path, method)


def test_operation_ids_are_unique(described: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, _, operation in each_operation(described)]
    assert len(ids) == len(set(ids))


def test_every_reference_leads_somewhere(described: dict[str, Any]) -> None:
    def references(node: Any) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return own + [found for value in node.values() for found in references(value)]
        return [found for value in node for found in references(value)] if isinstance(node, list) else []

    for reference in references(described):
        node: Any = described
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]


def test_the_limits_of_a_field_are_in_its_schema(described: dict[str, Any]) -> None:
    options = described["components"]["schemas"]["StreamBody"]["properties"]
    assert (options["reconnect_timeout"]["minimum"], options["reconnect_timeout"]["maximum"]) == (0, 1800)
    assert described["components"]["schemas"]["LatencyMode"]["enum"] == ["standard", "reduced", "low"]


def test_every_default_is_valid_itself(described: dict[str, Any]) -> None:
    def schemas(node: Any) -> list[dict[str, Any]]:
        if isinstance(node, dict):
            return [node] * ("default" in node) + [each for value in node.values() for each in schemas(value)]
        return [each for value in node for each in schemas(value)] if isinstance(node, list) else []

    with_default = schemas(described)
    assert with_default
    for each in with_default:
        jsonschema_rs.validate({**each, "components": described["components"]}, each["default"])


def test_no_member_of_a_body_or_a_response_has_a_default_in_the_schema(
    described: dict[str, Any],
) -> None:
    for name, schema in described["components"]["schemas"].items():
        assert not [member for member, each in schema.get("properties", {}).items() if "default" in each], name


def test_a_default_is_described_in_words(described: dict[str, Any]) -> None:
    new = described["components"]["schemas"]["ChannelBody"]["properties"]
    assert new["type"]["description"].endswith("Default: `2`.")
    assert new["is_private"]["description"] == "Default: `false`."
    changes = described["components"]["schemas"]["ChannelChanges"]["properties"]
    assert not any("Default:" in each.get("description", "") for each in changes.values())


def test_no_schema_is_named_like_the_constructor_of_another(described: dict[str, Any]) -> None:
    names = set(described["components"]["schemas"])
    assert not {f"New{name}" for name in names} & names


def test_no_value_is_in_two_enumerations(described: dict[str, Any]) -> None:
    """openapi-generator makes package-wide Go constants of the values."""
    schemas = described["components"]["schemas"].values()
    values = Counter(str(value).upper() for schema in schemas for value in schema.get("enum", ()))
    assert values["USER"] == 1
    assert values.most_common(1)[0][1] == 1


def test_no_member_can_only_be_null(described: dict[str, Any]) -> None:
    """openapi-generator has no type for it in Python and Go."""

    def members(node: Any) -> list[dict[str, Any]]:
        if isinstance(node, dict):
            own = list(node["properties"].values()) if isinstance(node.get("properties"), dict) else []
            return own + [found for value in node.values() for found in members(value)]
        return [found for value in node for found in members(value)] if isinstance(node, list) else []

    found = members(described)
    assert found
    assert not [member for member in found if member.get("type") == "null"]


def test_the_document_says_whose_it_is_and_where_it_is_served(described: dict[str, Any]) -> None:
    assert described["servers"] == [{"url": "/", "description": "The service this document was fetched from."}]
    assert described["info"]["license"] == {"name": "MIT", "identifier": "MIT"}
    assert described["info"]["contact"]


def test_every_operation_has_a_description_and_a_declared_tag(described: dict[str, Any]) -> None:
    declared = {tag["name"] for tag in described["tags"] if tag["description"]}
    used, sent = set(), set()
    for path, method, operation in each_operation(described):
        assert operation["description"], (path, method)
        used |= set(operation["tags"])
    for operation in each_webhook(described):
        assert operation["description"], operation
        sent |= set(operation["tags"])
    assert used | sent == declared
    assert not used & sent  # a generated client has a file for each tag: it would hold only one of the two


def test_every_request_says_which_credentials_it_has(described: dict[str, Any]) -> None:
    for _, _, operation in each_operation(described):
        assert isinstance(operation["security"], list)
    assert all(operation["security"] == [] for operation in each_webhook(described))


def test_generated_clients_do_not_send_the_requests_of_the_service(described: dict[str, Any]) -> None:
    assert [operation["x-internal"] for operation in each_webhook(described)] == [True, True]


def test_every_array_has_a_type_of_items(described: dict[str, Any]) -> None:
    def arrays(node: Any) -> list[dict[str, Any]]:
        if isinstance(node, dict):
            own = [node] if node.get("type") == "array" else []
            return own + [found for value in node.values() for found in arrays(value)]
        return [found for value in node for found in arrays(value)] if isinstance(node, list) else []

    found = arrays(described)
    assert found
    assert all("items" in array for array in found)


def test_every_body_and_every_answer_has_a_valid_example(described: dict[str, Any]) -> None:
    checked = 0
    for path, method, operation in each_operation(described):
        contents = [operation.get("requestBody", {}).get("content", {})]
        contents += [each.get("content", {}) for each in operation["responses"].values()]
        for content in (one for each in contents for one in each.values()):
            schema = {**content["schema"], "components": described["components"]}
            jsonschema_rs.validator_for(schema, validate_formats=True).validate(content["examples"]["example"]["value"])
            checked += 1
        if "requestBody" in operation:
            example = operation["requestBody"]["content"]["application/json"]["examples"]["example"]["value"]
            assert example and "HTTP://" not in str(example), (path, method)
    assert checked > 300


def test_every_example_is_valid_for_its_model() -> None:
    for model, example in EXAMPLES.items():
        strictly = model.__name__.endswith(("Body", "Edit", "Changes", "Replacement"))
        model.model_validate_json(json.dumps(example), strict=strictly)


def test_every_error_has_an_example_of_its_shape(described: dict[str, Any]) -> None:
    for _, _, operation in each_operation(described):
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                content = response["content"]["application/json"]
                jsonschema_rs.validate(
                    {**content["schema"], "components": described["components"]},
                    content["examples"]["example"]["value"],
                )


def test_a_query_parameter_keeps_its_choices(described: dict[str, Any]) -> None:
    listed = described["paths"]["/api/pub/v1/orgs/{organization_id}/conference/streams"]["get"]
    state = next(each for each in listed["parameters"] if each["name"] == "state")
    assert "reconnecting" in str(state["schema"]) or "Phase" in str(state["schema"])


def test_the_vendored_script_is_the_one_that_was_checked_in() -> None:
    import hashlib
    from importlib import resources

    vendor = resources.files("service.web").joinpath("vendor")
    for line in vendor.joinpath("SHA256SUMS").read_text().splitlines():
        digest, name = line.split()
        assert hashlib.sha256(vendor.joinpath(name).read_bytes()).hexdigest() == digest
