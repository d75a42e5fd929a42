"""Which system account the servers run as, and a place that this account can reach.

PostgreSQL refuses to run as root. When the stack is started by root, its servers run as `postgres` or `nobody`. That
account often cannot reach a checkout below a private home folder. No folder of anybody is opened for it: the programs
and the servers' data are then put below /var/lib/registry.
"""

import os
import pwd
import secrets
import shutil
import stat
from pathlib import Path

from registry.stack.paths import Places, StackError
from registry.stack.processes import Account

ROOT_HOME = Path("/var/lib/registry")


def server_account(places: Places) -> Account | None:
    """The account for the servers, or None for the current user.

    For root: the owner of the servers' data when there is some already, else `postgres`, else `nobody`.
    Raises StackError when there is none of them.
    """
    if os.geteuid() != 0:
        return None
    if places.servers.exists():
        owner = places.servers.stat()
        if owner.st_uid != 0:
            return Account(owner.st_uid, owner.st_gid)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise StackError(
        "PostgreSQL does not run as root, and there is neither a user `postgres` nor `nobody`. "
        "Make one (useradd --system postgres) or start as an ordinary user."
    )


def may_reach(path: Path, account: Account) -> bool:
    """Whether the account may pass through every folder above `path`, and read and enter `path` itself."""
    path = path.resolve()
    return all(_may(folder, account, 0o1) for folder in path.parents) and _may(path, account, 0o5)


def _may(path: Path, account: Account, wanted: int) -> bool:
    """Whether the mode bits give the account the rights in `wanted` (4 read, 2 write, 1 enter or run)."""
    found = path.stat()
    if found.st_uid == account.uid:
        granted = found.st_mode >> 6
    elif found.st_gid == account.gid:
        granted = found.st_mode >> 3
    else:
        granted = found.st_mode
    return granted & wanted == wanted


def server_home(places: Places, account: Account | None) -> Path:
    """The folder of the servers' own data, made on first use, owned by the account that runs them, mode 0700.

    Raises StackError when the data folder points to a place that is gone.
    """
    link = places.servers
    if link.is_dir():
        return link.resolve()
    if link.is_symlink():
        raise StackError(
            f"The servers' data {link.readlink()} is gone, but {link} still points to it. "
            "Bring it back, or remove the data folder to start afresh."
        )
    if account is None:
        link.mkdir(mode=0o700)
        return link
    if all(_may(folder, account, 0o1) for folder in link.resolve().parents):
        home = link
        home.mkdir(mode=0o700)
    else:
        _root_home()
        home = ROOT_HOME / f"data-{secrets.token_hex(6)}"
        home.mkdir(mode=0o700)
        link.symlink_to(home)
    give(home, account)
    return home


def reachable_programs(
    root: Path, parts: tuple[str, ...], label: str, account: Account | None
) -> Path:
    """The folder to run programs from: `root`, or a copy of its `parts` that the account can reach.

    The copy is made once for each `label` (name and version), belongs to root and cannot be changed by the account.
    """
    if account is None or all(may_reach(root / part, account) for part in parts):
        return root
    _root_home()
    copy = ROOT_HOME / f"programs-{label}"
    if not copy.is_dir():
        unfinished = ROOT_HOME / f"unfinished-{secrets.token_hex(6)}"
        unfinished.mkdir(mode=0o755)
        for part in parts:
            shutil.copytree(root / part, unfinished / part, symlinks=True)
        _open_for_reading(unfinished)
        try:
            unfinished.rename(copy)
        except OSError:  # another start was quicker
            shutil.rmtree(unfinished)
    return copy


def _root_home() -> None:
    """Make the root-owned folder in which data and programs for the server account lie."""
    ROOT_HOME.mkdir(mode=0o711, parents=True, exist_ok=True)
    ROOT_HOME.chmod(0o711)


def _open_for_reading(folder: Path) -> None:
    """Let everybody read and run a copy of public programs (a strict umask made them private)."""
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            mode = path.stat().st_mode
            runs = path.is_dir() or mode & stat.S_IXUSR
            path.chmod(0o755 if runs else 0o644)


def give(path: Path, account: Account) -> None:
    """Make the account the owner of `path`."""
    os.chown(path, account.uid, account.gid)
