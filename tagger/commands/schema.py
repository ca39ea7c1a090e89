"""`tagger schema`: the JSON Schema of keyword files, and of what stands on the topics."""

import json

import click

TOPICS = ("decisions", "parked", "webhooks", "keywords")


@click.command("schema")
@click.argument("topic", required=False, metavar="[TOPIC]", type=click.Choice(TOPICS))
def command(topic: str | None) -> None:
    """Print the JSON Schema of keyword files, or of the records of a topic.

    Without TOPIC, it is that of keyword files, for completion and hints in an editor. An editor with a YAML language
    server finds it through the first line of a keyword file:

    \b
      # yaml-language-server: $schema=schema.json

    With TOPIC (decisions, parked, webhooks or keywords), it is for whoever reads that topic: the schema of one record's
    value. deploy/asyncapi.yaml has keys, headers and examples, too.

    \b
    Examples:
      tagger schema > config/schema.json
      tagger schema decisions
    """
    from tagger.core.records.schemas import TOPICS as KNOWN
    from tagger.core.records.schemas import record_schema
    from tagger.core.rules.schema import json_schema

    named = next((known for known in KNOWN if known == topic), None)
    schema = json_schema() if named is None else record_schema(named)
    click.echo(json.dumps(schema, indent=2, ensure_ascii=False))
