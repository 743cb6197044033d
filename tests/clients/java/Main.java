import java.net.URI;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.UUID;

import org.example.parley.ApiClient;
import org.example.parley.ApiException;
import org.example.parley.api.ConversationsApi;
import org.example.parley.api.MessagesApi;
import org.example.parley.api.SessionsApi;
import org.example.parley.model.*;

/** A client of Parley, written with what openapi-generator generates. */
public class Main {
  public static void main(String[] args) throws Exception {
    // Logging in takes the app's id and key, everything else the token that it gives.
    String keys = System.getenv("PARLEY_APP_ID") + ":" + System.getenv("PARLEY_APP_KEY");
    ApiClient asApp = client("Basic " + Base64.getEncoder().encodeToString(keys.getBytes()));
    String token = new SessionsApi(asApp).createSession(new LoginRequest().clientId("Tom")).getToken();
    ApiClient asTom = client("Bearer " + token);
    MessagesApi messages = new MessagesApi(asTom);

    Conversation conversation = new ConversationsApi(asTom).createConversation(
        new CreateConversationRequest().addMembersItem("Jerry").name("Tom & Jerry").attributes(Map.of("topic", "cheese")), null);
    System.out.println(conversation.getName() + " " + conversation.getType() + " " + conversation.getMemberCount() + " "
        + conversation.getAttributes().get("topic"));

    Message first = send(messages, conversation.getId(),
        new SendMessageRequest().type("text").text("Jerry, get up!").attributes(Map.of("mood", "loud")));
    send(messages, conversation.getId(), new SendMessageRequest().type("text").text("再见"));
    send(messages, conversation.getId(), new SendMessageRequest().type("location")
        .location(new LocationRequest().latitude(37.774929).longitude(-122.419416)));
    send(messages, conversation.getId(), new SendMessageRequest().type("chess").payload(Map.of("move", "e2e4")));

    Message read = messages.getMessage(conversation.getId(), first.getId(), null);
    System.out.println(read.getFrom() + " " + read.getAttributes().get("mood"));

    // The history, newest page first; within a page the oldest message is first.
    List<Message> history = new ArrayList<>();
    String before = null;
    do {
      MessageList page = messages.listMessages(conversation.getId(), 2, before, null, null, null, null, null, null);
      history.addAll(0, page.getMessages());
      before = page.getNext();
    } while (before != null);
    for (Message message : history) {
      Object said = message.getText();
      if (message.getLocation() != null) {
        said = message.getLocation().getLatitude();
      } else if (message.getPayload() instanceof Map<?, ?> payload) {
        said = payload.get("move");
      }
      System.out.println(message.getType() + " " + said);
    }

    // An error is a Problem; its code is a word to branch on.
    try {
      send(messages, "nowhere", new SendMessageRequest().type("text").text("Anybody?"));
    } catch (ApiException e) {
      Problem problem = asTom.getObjectMapper().readValue(e.getResponseBody(), Problem.class);
      System.out.println(problem.getStatus() + " " + problem.getCode());
    }
  }

  static ApiClient client(String authorization) {
    URI server = URI.create(System.getenv("PARLEY_URL"));
    return new ApiClient().setScheme(server.getScheme()).setHost(server.getHost()).setPort(server.getPort())
        .setRequestInterceptor(request -> request.header("Authorization", authorization));
  }

  /** With an Idempotency-Key a send may be repeated until it is answered; it is stored once. */
  static Message send(MessagesApi messages, String to, SendMessageRequest message) throws ApiException {
    return messages.sendMessage(to, message, UUID.randomUUID().toString(), null);
  }
}
