"""A Celery application that does one thing: each second a sweep leaves a row. Broker and rows in one PostgreSQL."""

import os

import psycopg
from celery import Celery

URL = os.environ["SWEEPING_DATABASE"]

app = Celery("sweeping", broker=f"sqla+{URL}")
app.conf.update(
    beat_schedule={"sweep": {"task": "sweep", "schedule": 1.0}},
    broker_connection_retry_on_startup=True,
    task_ignore_result=True,
)


@app.task(name="sweep")
def sweep() -> None:
    with psycopg.connect(URL) as session:
        session.execute("INSERT INTO sweep DEFAULT VALUES")
