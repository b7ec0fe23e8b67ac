"""What the core relies on in a component's record and options."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel

from candle_ml.components import Component
from candle_ml.testing.promises import Promise, require


def check_is_summed_up(component: Component) -> None:
    """A component has a summary of one line."""
    require(bool(component.summary.strip()), "an empty summary")
    require("\n" not in component.summary, f"a summary of several lines: {component.summary!r}")


def check_options_have_defaults(component: Component) -> None:
    """Every option has a default, and the defaults are valid."""
    required = [name for name, field in component.options.model_fields.items() if field.is_required()]
    require(not required, f"options without default: {', '.join(required)}")
    component.options()


def check_options_are_described(component: Component) -> None:
    """Every option, those within options too, has a description for editors and for `candle-ml plugins`."""
    for model in _models(component.options):
        bare = [name for name, field in model.model_fields.items() if not (field.description or "").strip()]
        require(not bare, f"options of {model.__name__} without description: {', '.join(bare)}")


def check_options_are_closed(component: Component) -> None:
    """Unknown keys are refused at every depth, and options cannot be changed once they are made."""
    for model in _models(component.options):
        require(model.model_config.get("extra") == "forbid", f"{model.__name__} accepts unknown keys")
        require(model.model_config.get("frozen") is True, f"{model.__name__} can be changed")


def check_options_survive_a_file(component: Component) -> None:
    """Options written as JSON read as equal options, so that a stored configuration means what it meant."""
    options = component.options()
    again = component.options.model_validate_json(options.model_dump_json(by_alias=True))
    require(again == options, f"{options!r} became {again!r}")


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from _models(field.annotation)
    for argument in get_args(annotation):
        yield from _models(argument)


CHECKS: tuple[Promise, ...] = (
    check_is_summed_up,
    check_options_have_defaults,
    check_options_are_described,
    check_options_are_closed,
    check_options_survive_a_file,
)
