"""TagResource, UntagResource and ListTagsForResource, for task definitions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.sandbox.aws.definition_rules import MAX_TAGS
from controller.sandbox.aws.wire import Json, invalid_parameter

if TYPE_CHECKING:
    from controller.sandbox.aws.definitions import Definition, EmbeddedDefinitions


class Tags:
    """The tags of task definitions. Other resources are tagged only when they are created."""

    def __init__(self, definitions: EmbeddedDefinitions) -> None:
        self._definitions = definitions

    def list_tags_for_resource(self, parameters: Json) -> Json:
        """List the tags of a resource."""
        return {"tags": self._find_definition(parameters).tags}

    def tag_resource(self, parameters: Json) -> Json:
        """Add tags; a key that exists gets the new value."""
        definition = self._find_definition(parameters)
        merged = {tag["key"]: tag for tag in (*definition.tags, *parameters.get("tags", ()))}
        if len(merged) > MAX_TAGS:
            raise invalid_parameter(f"Number of tags can't exceed {MAX_TAGS}.")
        definition.tags = list(merged.values())
        return {}

    def untag_resource(self, parameters: Json) -> Json:
        """Remove tags by key."""
        definition = self._find_definition(parameters)
        definition.tags = [tag for tag in definition.tags if tag["key"] not in parameters.get("tagKeys", ())]
        return {}

    def _find_definition(self, parameters: Json) -> Definition:
        arn = parameters.get("resourceArn", "")
        definition = self._definitions.find(arn) if ":task-definition/" in arn else None
        if definition is None:
            raise invalid_parameter(f"The specified resource was not found: {arn}")
        return definition
