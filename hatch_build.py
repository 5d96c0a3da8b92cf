"""What a wheel carries beside the package: the scenarios that ship, where `simrt.shipped` looks."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CustomBuildHook(BuildHookInterface[Any]):
    """Put `scenarios/` into the wheel; an editable install reads it where it is."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before a wheel is built."""
        if version == "standard":
            build_data["force_include"]["scenarios"] = "simrt/shipped"
