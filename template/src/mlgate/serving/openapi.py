"""The service's own description, GET /docs.json: the rows as the contract has them, and every answer that exists."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlgate.serving.runtime import Runtime

ERRORS = {
    "400": "The body is not JSON",
    "408": "The request did not arrive in time",
    "413": "The request is too large",
    "415": "Not application/json, or compressed",
    "422": "A row breaks the contract; `detail` names row and field",
    "503": "Loading, or too many requests wait",
}


def document(runtime: Runtime) -> str:
    """OpenAPI 3.1 of POST /predict, as JSON."""
    request = runtime.contract.request.model_json_schema(by_alias=True, ref_template="#/components/schemas/{model}")
    schemas = {**request.pop("$defs", {}), "Request": request, "Answer": _answer(runtime), "Error": _ERROR}
    operation = {
        "operationId": "predict",
        "summary": f"Predict with {runtime.params.project.name}",
        "requestBody": {"required": True, "content": _content("Request")},
        "responses": {
            "200": {"description": "One prediction a row, in order", "content": _content("Answer")},
            **{status: {"description": words, "content": _content("Error")} for status, words in ERRORS.items()},
        },
    }
    content = {
        "openapi": "3.1.0",
        "info": {"title": runtime.params.project.name, "version": runtime.version},
        "paths": {"/predict": {"post": operation}},
        "components": {"schemas": schemas},
    }
    return json.dumps(content)


def _content(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}


def _answer(runtime: Runtime) -> dict[str, Any]:
    known: dict[str, dict[str, Any]] = {
        "binary": {"score": {"type": "number", "minimum": 0, "maximum": 1}},
        "regression": {"prediction": {"type": "number"}},
        "multiclass": {
            "label": {"enum": list(runtime.card.classes)},
            "scores": {"type": "object", "additionalProperties": {"type": "number", "minimum": 0, "maximum": 1}},
        },
    }
    name = runtime.params.data.id
    properties = {**({name: {}} if name else {}), **known[runtime.card.task]}
    prediction = {"type": "object", "properties": properties, "required": list(properties)}
    predictions = {"type": "array", "items": prediction}
    return {
        "type": "object",
        "properties": {"model_version": {"type": "string"}, "predictions": predictions},
        "required": ["model_version", "predictions"],
    }


_ERROR: dict[str, Any] = {
    "type": "object",
    "properties": {
        "error": {"type": "string"},
        "detail": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "loc": {"type": "array", "items": {"type": ["string", "integer"]}},
                    "msg": {"type": "string"},
                },
                "required": ["loc", "msg"],
            },
        },
    },
    "required": ["error", "detail"],
}
