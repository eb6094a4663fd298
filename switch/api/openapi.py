"""The API described for programs: an OpenAPI 3.1 document made from the endpoints and their models."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from switch import __version__
from switch.api.endpoint import Endpoint
from switch.api.problems import MEDIA_TYPE, Problem

_TEMPLATE: Final = "#/components/schemas/{model}"
_FAULTS: Final = {
    "400": "What was asked cannot be read",
    "401": "No token, or one that has ended",
    "403": "The token's role does not include this",
    "404": "There is no such thing",
    "413": "The body is too long",
    "415": "The body is not JSON",
    "422": "What was asked makes no sense",
    "429": "Too many wrong tokens: wait",
    "503": "The books cannot be reached",
}


def document(endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """Return the document; paths are relative to the server it was fetched from."""
    all_of_them = tuple(endpoints)
    models = {model for each in all_of_them for model in _models(each)} | {Problem}
    ordered = sorted(models, key=lambda model: model.__name__)
    _, schemas = models_json_schema(
        [(model, "serialization" if _is_told(model, all_of_them) else "validation") for model in ordered],
        ref_template=_TEMPLATE,
    )
    paths: dict[str, dict[str, Any]] = {}
    for each in all_of_them:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "switch",
            "version": __version__,
            "description": "The operators' API of an acquiring switch.",
        },
        "servers": [{"url": "/api/v1"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": schemas.get("$defs", {}),
        },
    }


def _models(endpoint: Endpoint) -> Iterator[type[BaseModel]]:
    yield endpoint.told
    if endpoint.body is not None:
        yield endpoint.body


def _is_told(model: type[BaseModel], endpoints: tuple[Endpoint, ...]) -> bool:
    return all(each.body is not model for each in endpoints)


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": endpoint.summary,
        "description": f"Takes the permission {endpoint.permission}.",
        "operationId": f"{endpoint.method.lower()}{endpoint.path.replace('/', '_').translate({123: None, 125: None})}",
        "parameters": [*_parameters(endpoint.where, "path"), *_parameters(endpoint.query, "query")],
        "responses": {
            str(int(endpoint.status)): {
                "description": endpoint.status.phrase,
                "content": {"application/json": {"schema": _reference(endpoint.told)}},
            },
            **{
                status: {"description": told, "content": {MEDIA_TYPE: {"schema": _reference(Problem)}}}
                for status, told in _FAULTS.items()
            },
        },
    }
    if endpoint.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _reference(endpoint.body)}},
        }
    return operation


def _parameters(model: type[BaseModel], where: str) -> Iterator[dict[str, Any]]:
    schema = model.model_json_schema()
    for name, one in schema.get("properties", {}).items():
        shape = _without_null(one)
        yield {"name": name, "in": where, "required": name in schema.get("required", ()), "schema": shape}


def _without_null(shape: dict[str, Any]) -> dict[str, Any]:
    """Return the shape of a parameter that may be left out: there is no null in an address."""
    options = [option for option in shape.get("anyOf", ()) if option != {"type": "null"}]
    kept = options[0] if options else {name: value for name, value in shape.items() if name != "default"}
    return {name: value for name, value in kept.items() if name != "title"}


def _reference(model: type[BaseModel]) -> dict[str, str]:
    name = model.__name__.replace("[", "_").replace("]", "_")
    return {"$ref": _TEMPLATE.format(model=name)}
