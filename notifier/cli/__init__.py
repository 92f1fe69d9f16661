"""The command `notifier`: a table of commands, each imported only when it is called.

Without arguments it shows what needs a person. Exit codes of every command: 0 done, 1 the answer is no (or there is
none), 2 wrong usage. Commands speak to the daemon over HTTP; only those of the sections Run and Rehearse, and those
that read a file of past complaints, need not.
"""

import errno
import os
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import click

from notifier import __version__

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

COMMANDS: Mapping[str, Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "See": {
            "status": ("notifier.cli.status:status", "The daemon at a glance."),
            "read": ("notifier.cli.read:read", "What customers say, in their own words."),
            "brief": ("notifier.cli.brief:brief", "Its facts for agents, callers, posts, pages."),
            "timeline": ("notifier.cli.timeline:timeline", "What happened to an incident, in plain words."),
            "watch": ("notifier.cli.watch:watch", "An incident as it goes on; one key leaves."),
            "incidents": ("notifier.cli.incidents:incidents", "List incidents, or show one whole."),
            "signals": ("notifier.cli.signals:signals", "Alarms of machines: open ones, and where they are."),
            "detection": ("notifier.cli.detection:detection", "Why something is suspected; backtest, calibrate."),
            "broadcasts": ("notifier.cli.broadcasts:broadcasts", "Preview, send, approve, pause or cancel an update."),
            "notifications": ("notifier.cli.notifications:notifications", "Show, resend or give up one message."),
        },
        "Decide": {
            "tell": ("notifier.cli.tell:tell", "Tell customers, by four questions."),
            "open": ("notifier.cli.decide:open_", "Open an incident by hand and tell those affected."),
            "confirm": ("notifier.cli.decide:confirm", "Confirm a suspected incident and tell those affected."),
            "dismiss": ("notifier.cli.decide:dismiss", "Dismiss an incident; tell those who were told."),
            "eta": ("notifier.cli.decide:eta", "Tell when service will be back, or that nobody knows."),
            "restored": ("notifier.cli.decide:restored", "Tell that service is believed back."),
            "oops": ("notifier.cli.oops:oops", "Stop what is not sent, correct those who heard."),
            "planned": ("notifier.cli.planned:planned", "Announce planned work, move it, call it off."),
            "extend": ("notifier.cli.reshape:extend", "Add sites to an incident, and tell their customers."),
            "split": ("notifier.cli.reshape:split", "Let sites leave as an incident of their own."),
            "merge": ("notifier.cli.reshape:merge", "Let an incident go over to another one."),
            "event": ("notifier.cli.event:event", "A storm: incidents under one commander."),
            "note": ("notifier.cli.notes:note", "Write something down; customers never see it."),
            "assign": ("notifier.cli.notes:assign", "Say who has an incident."),
            "close": ("notifier.cli.decide:close", "Close a resolved incident; tells nobody."),
            "reopen": ("notifier.cli.decide:reopen", "Tell that service went out again."),
            "on-call": ("notifier.cli.on_call:on_call", "Who is woken; test it, or take a call."),
            "pause-all": ("notifier.cli.pause:pause_all", "Stop everything that goes to customers."),
            "resume-all": ("notifier.cli.pause:resume_all", "Go on after pause-all."),
        },
        "Customers": {
            "customers": ("notifier.cli.customers:customers", "Import, find or show customers."),
            "complaints": ("notifier.cli.complaints:complaints", "Import or add complaints."),
            "credits": ("notifier.cli.credits:credits", "What customers are owed: list, grant, approve, post."),
            "consent": ("notifier.cli.consent:consent", "Who may be written to, and about what."),
            "bounces": ("notifier.cli.bounces:bounces", "Hand in mail that came back."),
        },
        "Run": {
            "init": ("notifier.cli.init:init", "Write a first configuration, from six questions."),
            "serve": ("notifier.cli.serve:serve", "Run the daemon."),
            "reload": ("notifier.cli.reload:reload", "Let the daemon read its configuration anew."),
            "check": ("notifier.cli.check:check", "Check configuration, playbooks and templates offline."),
            "go-live": ("notifier.cli.go_live:go_live", "What is missing before customers hear from you."),
            "templates": ("notifier.cli.templates:templates", "Show and check every message, offline."),
            "test-send": ("notifier.cli.test_send:test_send", "Send every kind of message to one address, as a test."),
            "db": ("notifier.cli.db:db", "Upgrade, back up or restore the database."),
            "completion": ("notifier.cli.completion:completion", "Complete commands and ids in your shell."),
            "audit": ("notifier.cli.audit:audit", "Who did what, when, why and from where."),
            "keys": ("notifier.cli.keys:keys", "Create, list or revoke API keys."),
        },
        "Rehearse": {
            "rehearse": ("notifier.cli.rehearse:rehearse", "What past tickets would have opened, and told."),
            "demo": ("notifier.cli.demo:demo", "Play an outage from first complaint to restoration."),
            "simulate": ("notifier.cli.simulate:simulate", "Generate a town, its complaints and its outages."),
            "sandbox": ("notifier.cli.sandbox:sandbox", "Run receivers that stand in for real carriers."),
        },
    }
)
"""Section -> command -> (module:command, what it does)."""


class LazyGroup(click.Group):
    """A group whose commands are named in a table and imported when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - Click's signature
        """Return the names in the order of the table."""
        return [name for section in COMMANDS.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - Click's signature
        """Import the command of this name."""
        for section in COMMANDS.values():
            if cmd_name in section:
                module, _, attribute = section[cmd_name][0].partition(":")
                command = getattr(import_module(module), attribute)
                assert isinstance(command, click.Command), f"{module}:{attribute} is no command"  # noqa: S101
                return command
        return None

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list["CompletionItem"]:
        """Offer the commands from the table alone: nothing is imported for it."""
        from click.shell_completion import CompletionItem

        fitting = [
            CompletionItem(name, help=help_)
            for section in COMMANDS.values()
            for name, (_, help_) in section.items()
            if name.startswith(incomplete)
        ]
        return fitting + click.Command.shell_complete(self, ctx, incomplete)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that was typed, or name the nearest one."""
        if args[0] not in self.list_commands(ctx) and not args[0].startswith("-"):
            from notifier.domain.errors import nearest

            hint = self._within_groups(ctx, args[0]) or nearest(args[0], self.list_commands(ctx))
            raise click.UsageError(f"there is no command '{args[0]}'{hint}", ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; where its answer finds no room, say so instead of a traceback."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            raise _with_known_commands(error) from None
        except KeyboardInterrupt:
            click.echo(err=True)  # behind the ^C
            done = "what the daemon was asked before is done: `notifier status` shows how things stand"
            raise click.ClickException(f"interrupted; {done}") from None
        except (EOFError, click.Abort):
            option = f"`{ctx.command_path} {ctx.invoked_subcommand} --help` names the option that answers in scripts"
            raise click.ClickException(f"there was no answer, and nothing more was done; {option}") from None
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is left is not tried again at the end
            raise click.ClickException(f"cannot write the answer: {error.strerror}") from error

    def _within_groups(self, ctx: click.Context, name: str) -> str:
        """Return a hint where the word is a command of groups: `reject` -> `broadcasts reject`."""
        groups = ((top, self.get_command(ctx, top)) for top in self.list_commands(ctx))
        found = [
            f"'{top} {name}'" for top, group in groups if isinstance(group, click.Group) and name in group.commands
        ]
        return f"; did you mean {' or '.join(found)}?" if found else ""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - Click's signature
        """List the commands by section, from the table alone."""
        for title, section in COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(13), help_) for name, (_, help_) in section.items()])


def _with_known_commands(error: click.UsageError) -> click.UsageError:
    """Return an error as it is; of a command that a group has not, with those that it has."""
    from notifier.domain.errors import nearest

    command, typed = error.ctx.command if error.ctx is not None else None, getattr(error, "command_name", None)
    if not isinstance(command, click.Group) or error.ctx is None or not isinstance(typed, str):
        return error
    known = sorted(command.commands)
    hint = nearest(typed, known)
    text = f"there is no command '{error.ctx.info_name} {typed}'{hint}; there are {', '.join(known)}"
    return click.UsageError(text, error.ctx)


def _open_streams() -> None:
    """Let a stream that was closed by who started us lead nowhere, as a shell's `>&-` does to other programs."""
    nowhere = Path(os.devnull)
    sys.stdin = sys.stdin or nowhere.open(encoding="utf-8")
    sys.stdout = sys.stdout or nowhere.open("w", encoding="utf-8")
    sys.stderr = sys.stderr or nowhere.open("w", encoding="utf-8")


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 72},
)
@click.version_option(__version__, message="notifier %(version)s")
@click.option("--json", "as_json", is_flag=True, help="Print the API's JSON instead of text.")
@click.pass_context
def main(ctx: click.Context, /, *, as_json: bool) -> None:
    """Tell everyone affected by an outage, once, and keep the promise.

    Without a command: what needs a person, most urgent first. Ids are
    the short numbers shown (42); times are typed 6:30, +2h or ISO.
    """
    _open_streams()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without UTF-8 shows '?', it does not crash
    if ctx.invoked_subcommand is None:
        from notifier.cli.status import needs

        ctx.invoke(needs, as_json=as_json)
