"""What a good engineer writes in an afternoon: FastAPI, pydantic, and aiokafka's `send_and_wait`."""

import hmac
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaProducer
from fastapi import FastAPI, Request, Response
from pydantic import BaseModel, ConfigDict

TOPIC = os.environ["KAFKA_WEBHOOKS_TOPIC"]
SECRET = os.environ["LIVECHAT_WEBHOOK_SECRETS"].encode()


class Payload(BaseModel):
    model_config = ConfigDict(extra="allow")
    chat_id: str


class Webhook(BaseModel):
    model_config = ConfigDict(extra="allow")
    action: str
    secret_key: str
    organization_id: str
    payload: Payload


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    bootstrap = os.environ["KAFKA_BOOTSTRAP_SERVERS"]
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        app.state.producer = producer
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/webhooks/livechat")
async def handle(webhook: Webhook, request: Request) -> Response:
    if not hmac.compare_digest(webhook.secret_key.encode(), SECRET):
        return Response(status_code=401)
    key = f"{webhook.organization_id}:{webhook.payload.chat_id}".encode()
    value = webhook.model_dump_json(exclude={"secret_key"}).encode()
    await request.app.state.producer.send_and_wait(TOPIC, value, key=key)
    return Response()
