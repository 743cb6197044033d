"""A client of Parley, written with what openapi-generator generates."""
import json
import os
import uuid

import parley

# Logging in takes the app's id and key, everything else the token that it gives.
as_app = parley.Configuration(host=os.environ["PARLEY_URL"], username=os.environ["PARLEY_APP_ID"], password=os.environ["PARLEY_APP_KEY"])
with parley.ApiClient(as_app) as client:
    login = parley.SessionsApi(client).create_session(parley.LoginRequest(client_id="Tom"))
as_tom = parley.Configuration(host=os.environ["PARLEY_URL"])
as_tom.access_token = login.token

with parley.ApiClient(as_tom) as client:
    conversations = parley.ConversationsApi(client)
    messages = parley.MessagesApi(client)

    conversation = conversations.create_conversation(
        parley.CreateConversationRequest(members=["Jerry"], name="Tom & Jerry", attributes={"topic": "cheese"}))
    print(conversation.name, conversation.type, conversation.member_count, conversation.attributes["topic"])

    def send(to, **fields):
        # With an Idempotency-Key a send may be repeated until it is answered; it is stored once.
        return messages.send_message(to, parley.SendMessageRequest(**fields), idempotency_key=str(uuid.uuid4()))

    first = send(conversation.id, type="text", text="Jerry, get up!", attributes={"mood": "loud"})
    send(conversation.id, type="text", text="再见")
    send(conversation.id, type="location", location=parley.LocationRequest(latitude=37.774929, longitude=-122.419416))
    send(conversation.id, type="chess", payload={"move": "e2e4"})

    read = messages.get_message(conversation.id, first.id)
    print(read._from, read.attributes["mood"])

    # The history, newest page first; within a page the oldest message is first.
    page = messages.list_messages(conversation.id, limit=2)
    history = page.messages
    while page.next:
        page = messages.list_messages(conversation.id, limit=2, before=page.next)
        history = page.messages + history
    for message in history:
        print(message.type, message.text or (message.location.latitude if message.location else message.payload["move"]))

    # An error is a Problem; its code is a word to branch on.
    try:
        send("nowhere", type="text", text="Anybody?")
    except parley.ApiException as error:
        problem = json.loads(error.body)
        print(problem["status"], problem["code"])
