import com.launchdarkly.eventsource.ConnectStrategy;
import com.launchdarkly.eventsource.EventSource;
import com.launchdarkly.eventsource.MessageEvent;
import com.launchdarkly.eventsource.StreamHttpErrorException;
import com.launchdarkly.eventsource.background.BackgroundEventHandler;
import com.launchdarkly.eventsource.background.BackgroundEventSource;
import com.launchdarkly.eventsource.background.ConnectionErrorHandler;
import java.net.URI;
import java.util.concurrent.TimeUnit;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import org.json.JSONObject;

/** A program that hears with okhttp-eventsource, which comes back on its own. It prints what it hears as JSON lines. */
public class Sse {
    static JSONObject config;
    static volatile String token;

    static void say(Object... pairs) throws Exception {
        JSONObject line = new JSONObject();
        for (int i = 0; i < pairs.length; i += 2) line.put((String) pairs[i], pairs[i + 1]);
        synchronized (System.out) {
            System.out.println(line);
        }
    }

    static String newToken() throws Exception {
        Request request = new Request.Builder().url(config.getString("tokens")).build();
        try (var response = new OkHttpClient().newCall(request).execute()) {
            return response.body().string();
        }
    }

    public static void main(String[] args) throws Exception {
        config = new JSONObject(args[args.length - 1]);
        token = newToken();
        var handler = new BackgroundEventHandler() {
            public void onOpen() throws Exception {
                say("kind", "connect");
            }

            public void onClosed() throws Exception {
                say("kind", "disconnect");
            }

            public void onMessage(String event, MessageEvent message) throws Exception {
                say("kind", "event", "text", event, "payload", new JSONObject(message.getData()), "id", message.getLastEventId());
            }

            public void onComment(String comment) {}

            public void onError(Throwable error) {}
        };
        ConnectStrategy strategy = ConnectStrategy.http(URI.create(config.getString("url") + "/api/notices"))
            .readTimeout(1, TimeUnit.MINUTES) // the default is shorter than the service's heartbeat
            .requestTransformer(request -> request.newBuilder().header("Authorization", "Bearer " + token).build());
        new BackgroundEventSource.Builder(handler, new EventSource.Builder(strategy))
            .connectionErrorHandler(error -> {
                try {
                    boolean refused = error instanceof StreamHttpErrorException e && e.getCode() == 401;
                    say("kind", refused ? "refused" : "disconnect", "text", error.toString());
                    if (refused) token = newToken();
                } catch (Exception e) {
                    throw new IllegalStateException(e);
                }
                return ConnectionErrorHandler.Action.PROCEED;
            })
            .build().start();
        System.in.readAllBytes();
        System.exit(0);
    }
}
