"""The same with threads: Flask, and confluent-kafka flushed for every webhook."""

import hmac
import os

import orjson
from confluent_kafka import KafkaError, Message, Producer
from flask import Flask, Response, request

TOPIC = os.environ["KAFKA_WEBHOOKS_TOPIC"]
SECRET = os.environ["LIVECHAT_WEBHOOK_SECRETS"].encode()
FLUSH_S_MAX = 7.0  # LiveChat waits about 10 s

producer = Producer({"bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"], "acks": "all"})
app = Flask(__name__)


@app.post("/webhooks/livechat")
def handle() -> Response:
    webhook = orjson.loads(request.get_data())
    if not hmac.compare_digest(webhook.pop("secret_key").encode(), SECRET):
        return Response(status=401)
    acknowledged: list[bool] = []

    def on_delivery(error: KafkaError | None, _message: Message) -> None:
        acknowledged.append(error is None)

    key = f"{webhook['organization_id']}:{webhook['payload']['chat_id']}"
    producer.produce(TOPIC, orjson.dumps(webhook), key, on_delivery=on_delivery)
    producer.flush(FLUSH_S_MAX)
    return Response(status=200 if acknowledged == [True] else 503)
