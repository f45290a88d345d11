import io.socket.client.IO;
import io.socket.client.Manager;
import io.socket.client.Socket;
import java.io.IOException;
import java.net.URI;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import org.json.JSONObject;

/**
 * A program with the Java client of Socket.IO, which reconnects but cannot recover: each time it is back, it reads what
 * it has missed, after the last notice that it has handled. It prints what it hears as JSON lines.
 */
public class SocketIO {
    static final OkHttpClient http = new OkHttpClient.Builder().callTimeout(20, TimeUnit.SECONDS).build();
    static final Set<String> handled = new HashSet<>();
    static JSONObject config;
    static String last = "";

    static synchronized void say(Object... pairs) {
        try {
            JSONObject line = new JSONObject();
            for (int i = 0; i < pairs.length; i += 2) line.put((String) pairs[i], pairs[i + 1]);
            System.out.println(line);
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    static synchronized void hear(String event, JSONObject payload, String id) {
        if (!event.equals("notice_cursor")) {
            if (!handled.add(id)) return;
            last = id;
        } else if (last.isEmpty()) {
            last = id;
        }
        say("kind", "event", "text", event, "payload", payload, "id", id);
    }

    static String token() {
        try (var response = http.newCall(new Request.Builder().url(config.optString("tokens")).build()).execute()) {
            return response.body().string();
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    static void readMissed() {
        Request request = new Request.Builder().url(config.optString("url") + "/api/notices")
            .header("Authorization", "Bearer " + token()).header("Last-Event-ID", last).build();
        try (var response = http.newCall(request).execute()) {
            Map<String, String> fields = new HashMap<>();
            for (String line; (line = response.body().source().readUtf8Line()) != null; ) {
                String[] field = line.split(": ", 2);
                if (field.length == 2) fields.put(field[0], field[1]);
                if (!line.isEmpty()) continue;
                if (fields.containsKey("data")) hear(fields.get("event"), new JSONObject(fields.get("data")), fields.get("id"));
                fields.clear();
            }
        } catch (Exception e) {
            // the end of the twenty seconds; or it reads again when the socket is back
        }
    }

    public static void main(String[] args) throws Exception {
        config = new JSONObject(args[args.length - 1]);
        Map<String, String> auth = new HashMap<>(Map.of("token", token()));
        Socket socket = IO.socket(URI.create(config.getString("url")), IO.Options.builder().setAuth(auth).build());
        socket.io().on(Manager.EVENT_RECONNECT_ATTEMPT, ignored -> auth.put("token", token()));
        socket.on(Socket.EVENT_CONNECT, ignored -> {
            say("kind", "connect");
            if (!last.isEmpty()) new Thread(SocketIO::readMissed).start();
        });
        socket.on(Socket.EVENT_DISCONNECT, why -> say("kind", "disconnect", "text", why[0]));
        socket.on(Socket.EVENT_CONNECT_ERROR, why -> say("kind", "connect_error", "text", why[0].toString()));
        socket.onAnyIncoming(heard -> hear((String) heard[0], (JSONObject) heard[1], (String) heard[2]));
        socket.connect();
        System.in.readAllBytes();
        System.exit(0);
    }
}
