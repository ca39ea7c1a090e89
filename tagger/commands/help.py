"""`tagger help`: what `--help` shows, for those who type it first."""

import click


@click.command("help")
@click.argument("names", nargs=-1, metavar="[COMMAND]...")
@click.pass_context
def command(ctx: click.Context, names: tuple[str, ...]) -> None:
    """Show the help of a command, or list all commands.

    \b
    Examples:
      tagger help
      tagger help explain
      tagger help webhooks send
    """
    assert ctx.parent is not None
    context = ctx.parent
    for name in names:
        group = context.command
        found = group.get_command(context, name) if isinstance(group, click.Group) else None
        if found is None:
            context.fail(f"There is no command {context.command_path} {name}.")
        context = click.Context(found, context, name)
    click.echo(context.get_help(), color=ctx.color)
