"""How is a gradebook opened? As an SQLite file or a PostgreSQL URL, with the tables of this version of the package.

An older file is brought up to date by Alembic after a copy of it was made; a newer one is refused.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from autograder.errors import UsageError

#: How long a writer waits for another one, seconds.
BUSY_S = 60
_MIGRATIONS = Path(__file__).parent / "migrations"
#: Of the lock under which PostgreSQL graders that start together make the tables one after the other.
_POSTGRES_LOCK = 20_611_977


def open_store(target: str | Path) -> Engine:
    """A database with all tables, ready to be used from several threads.

    Args:
        target: path of an SQLite file, made if missing, or a URL that SQLAlchemy knows.

    Raises:
        UsageError: it cannot be opened, or was written by a newer version of this package.
    """
    address = str(target)
    shown = address.split("@")[-1] if "://" in address else address  # never a password
    engine = None
    try:
        engine = _engine(address)
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
        _migrate(engine, shown)
        return engine
    except (NoSuchModuleError, ArgumentError, ModuleNotFoundError) as error:
        reason = (
            f"{shown}: not a gradebook ({error}). Name a file, or a URL such as postgresql+psycopg://host/name; "
            "PostgreSQL needs the extra: pip install 'autograder[postgresql]'."
        )
    except DBAPIError as error:
        reason = f"{shown}: the gradebook cannot be opened ({_first_line(error.orig)})."
    except OSError as error:
        reason = f"{shown}: the gradebook cannot be opened ({error.strerror})."
    except UsageError as error:
        reason = str(error)
    if engine is not None:
        engine.dispose()
    raise UsageError(reason)


def _engine(address: str) -> Engine:
    if "://" not in address:
        return _sqlite(Path(address))
    if address.startswith("sqlite:"):
        return _sqlite(Path(address.split(":///", 1)[-1]))
    return create_engine(address, pool_pre_ping=True)


def _sqlite(path: Path) -> Engine:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        raise UsageError(f"{path}: is a folder. Name a file for the gradebook.")
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_S})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        # The driver's own idea of transactions begins them too late for two writers.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA synchronous=NORMAL")  # a killed process loses nothing; only a power cut may

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A reader that wants to write later would fail at once if another writes in between.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _migrate(engine: Engine, shown: str) -> None:
    """Bring the tables to this version; does nothing where they are."""
    scripts = ScriptDirectory(str(_MIGRATIONS))
    newest = scripts.get_current_head()
    current = _revision(engine)
    if current == newest:
        return
    if current is not None and current not in {script.revision for script in scripts.walk_revisions()}:
        raise UsageError(
            f"{shown}: the gradebook was written by a newer version of autograder (its tables are of version "
            f"{current!r}, known are those up to {newest!r}). Upgrade autograder, or use another gradebook."
        )
    if current is None and _has_tables(engine):
        raise UsageError(f"{shown}: holds tables that are not of a gradebook. Name another file.")
    if current is not None:
        _back_up(engine, current)
    configuration = Config()
    configuration.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_POSTGRES_LOCK})"))
        # Another grader may have done it while this one waited.
        if MigrationContext.configure(connection).get_current_revision() != newest:
            configuration.attributes["connection"] = connection
            command.upgrade(configuration, "head")


def _revision(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def _has_tables(engine: Engine) -> bool:
    return bool(inspect(engine).get_table_names())


def _back_up(engine: Engine, version: str) -> Path | None:
    """A copy of an SQLite file beside it; a server's backups are its administrator's."""
    if engine.dialect.name != "sqlite" or engine.url.database is None:
        return None
    path = Path(engine.url.database)
    copy = path.with_name(f"{path.name}.before-{version}")
    if copy.exists():  # an upgrade that was interrupted has made it
        return copy
    partial = copy.with_name(copy.name + ".tmp")
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(partial)) as target:
        source.backup(target)
    shutil.move(partial, copy)
    return copy


def _first_line(error: object) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
