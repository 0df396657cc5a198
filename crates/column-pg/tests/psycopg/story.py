"""What an application does with psycopg 3; prints what it saw, so that a plain table and the proxy can be compared."""

import datetime
import decimal
import sys
import uuid

import psycopg

SSN = "CANARY-py-%d"


def show(*what):
    print(*(repr(item) for item in what), flush=True)


def failed(connection, statement, values=()):
    try:
        with connection.transaction():
            connection.execute(statement, values)
        show("no error")
    except psycopg.Error as error:
        show(error.sqlstate)


def row(number):
    return {
        "id": number,
        "ssn": SSN % number,
        "born": datetime.date(1970, 1, 1) + datetime.timedelta(days=number),
        "weight": decimal.Decimal(number) / 4,
        "seen": datetime.datetime(2024, 1, 2, 3, 4, 5, 678000, tzinfo=datetime.timezone.utc),
        "tag": uuid.UUID(int=number),
        "raw": bytes([number % 256]) * 3,
    }


INSERT = "insert into people (id, ssn, born, weight, seen, tag, raw) values (%(id)s, %(ssn)s, %(born)s, %(weight)s, %(seen)s, %(tag)s, %(raw)s)"
READ = "select id, ssn, born, weight, seen, tag, raw from people where id = %s"


def main(conninfo):
    with psycopg.connect(conninfo) as connection:
        connection.execute(INSERT, row(1))
        for prepare in (False, True, True, True):
            show(connection.execute(READ, (1,), prepare=prepare).fetchall())
        for binary in (False, True):
            show(connection.execute(READ, (1,), binary=binary).fetchone())
        connection.commit()

        with connection.cursor() as cursor:
            cursor.executemany(INSERT, [row(number) for number in range(2, 60)])
            show(cursor.rowcount)
            cursor.executemany(INSERT.replace("values", "values") + " returning ssn", [row(70), row(71)], returning=True)
            show(cursor.fetchall(), cursor.nextset(), cursor.fetchall())
        connection.commit()

        with connection.pipeline() as pipeline:
            first = connection.execute("select ssn from people where ssn = %s", (SSN % 5,))
            connection.execute("update people set weight = %s where ssn = %s", (decimal.Decimal("1.25"), SSN % 5))
            second = connection.execute("select weight from people where ssn = %s", (SSN % 5,))
            pipeline.sync()
            show(first.fetchall(), second.fetchall())
        connection.commit()

        try:
            with connection.pipeline():
                connection.execute("select 1 / (id - id), ssn from people where ssn = %s", (SSN % 5,))
                connection.execute("select ssn from people where ssn = %s", (SSN % 6,))
        except psycopg.Error as error:
            show(error.sqlstate)
        connection.rollback()

        show(connection.execute("select id from people where ssn = any(%s) order by id", ([SSN % 7, SSN % 8],)).fetchall())
        show(connection.execute("select count(*) from people where born is null").fetchone())
        show(connection.execute("update people set born = %s where id = 9 returning born", (None,)).fetchall())

        with connection.cursor(name="stored") as cursor:
            cursor.itersize = 7
            cursor.execute("select id, ssn from people where id < 30 order by id")
            show([found for found in cursor])
        with connection.cursor(name="scrolled", scrollable=True) as cursor:
            cursor.execute("select ssn from people where id < 10 order by id")
            cursor.scroll(3)
            show(cursor.fetchone())
        connection.commit()

        with connection.cursor().copy("copy people (id, ssn, weight) from stdin") as copy:
            for number in range(100, 120):
                copy.write_row((number, SSN % number, decimal.Decimal(number)))
        with connection.cursor().copy("copy people (id, ssn, weight) from stdin (format binary)") as copy:
            copy.set_types(["int4", "text", "numeric"])
            for number in range(120, 130):
                copy.write_row((number, SSN % number, decimal.Decimal(number)))
        for form in ("", " (format binary)"):
            with connection.cursor().copy("copy (select id, ssn, weight from people where id >= 100 order by id) to stdout" + form) as copy:
                copy.set_types(["int4", "text", "numeric"])
                show(list(copy.rows()))
        connection.commit()

        failed(connection, INSERT, row(1))
        failed(connection, "select ssn from nosuch where ssn = %s", (SSN % 1,))
        failed(connection, "update people set weight = %s", (decimal.Decimal("123456.5"),))
        failed(connection, "update people set born = %s", ("no date",))
        show(connection.info.transaction_status.name)

    with psycopg.connect(conninfo, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
        # The client puts the values into the text.
        show(connection.execute("select id, ssn from people where ssn = %s", (SSN % 3,)).fetchall())
        connection.execute("update people set ssn = %s where id = 3", ("CANARY 'quoted' \\ text",))
        show(connection.execute("select ssn from people where id = %s", (3,)).fetchall())
    with psycopg.connect(conninfo, autocommit=True, cursor_factory=psycopg.RawCursor) as connection:
        show(connection.execute("select id from people where ssn = $1 or ssn = $2 order by id", [SSN % 4, SSN % 5]).fetchall())


main(sys.argv[1])
