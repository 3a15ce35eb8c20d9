"""Base of the typed configuration: unknown keys are errors that say what was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """Return `` (did you mean 'x'?)`` for the nearest known word, or an empty string."""
    names = [str(name) for name in known]
    folded = {name.casefold(): name for name in names}
    near = difflib.get_close_matches(str(word).casefold(), list(folded), n=1, cutoff=0.6)
    return f" (did you mean '{folded[near[0]]}'?)" if near else ""


class StrictModel(BaseModel):
    """Immutable model whose unknown keys are refused, each with its nearest known key."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    @model_validator(mode="wrap")
    @classmethod
    def _name_unknown_keys(cls, data: Any, handler: ModelWrapValidatorHandler[Any]) -> Any:
        if not isinstance(data, dict):
            return handler(data)
        known = {field.alias or name for name, field in cls.model_fields.items()}
        known |= set(cls.model_fields)
        unknown = [key for key in data if key not in known]
        details = [
            InitErrorDetails(
                type=PydanticCustomError(
                    "unknown_key",
                    "unknown key{hint}; known keys: {known}",
                    {"hint": did_you_mean(key, known), "known": ", ".join(sorted(known))},
                ),
                loc=(str(key),),
                input=data[key],
            )
            for key in unknown
        ]
        try:
            result = handler({key: data[key] for key in data if key in known})
        except ValidationError as error:
            if not details:
                raise
            for item in error.errors(include_url=False):
                details.append(
                    InitErrorDetails(
                        type=PydanticCustomError("value", "{text}", {"text": item["msg"]}),
                        loc=item["loc"],
                        input=item["input"],
                    )
                )
        if details:
            raise ValidationError.from_exception_data(cls.__name__, details)
        return result
