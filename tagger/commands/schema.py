"""`tagger schema`: the JSON Schema of keyword files."""

import json

import click


@click.command("schema")
def command() -> None:
    """Print the JSON Schema of keyword files, for completion and hints in an editor.

    \b
    An editor with a YAML language server finds it through the first line of a keyword file:
      # yaml-language-server: $schema=schema.json
    \b
    Examples:
      tagger schema > config/schema.json
    """
    from tagger.core.rules.schema import json_schema

    click.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))
