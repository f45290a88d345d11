import com.restfb.Connection;
import com.restfb.DefaultFacebookClient;
import com.restfb.DefaultJsonMapper;
import com.restfb.DefaultWebRequestor;
import com.restfb.FacebookClient;
import com.restfb.FacebookEndpoints;
import com.restfb.Parameter;
import com.restfb.Version;
import com.restfb.batch.BatchRequest;
import com.restfb.batch.BatchResponse;
import com.restfb.exception.FacebookOAuthException;
import com.restfb.json.Json;
import com.restfb.json.JsonArray;
import com.restfb.json.JsonObject;
import com.restfb.json.JsonValue;
import com.restfb.types.DebugTokenInfo;
import com.restfb.types.Insight;
import com.restfb.types.InsightBreakdownResult;
import com.restfb.types.Page;
import com.restfb.types.Post;
import com.restfb.types.Video;
import com.restfb.types.instagram.IgMedia;
import com.restfb.types.instagram.IgUser;
import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.URL;
import java.time.format.DateTimeFormatter;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import java.util.TreeSet;

/** Reads pages and Instagram accounts with restfb, and prints what it read. */
@SuppressWarnings("deprecation")
public class Graph {
  static JsonObject config;
  static FacebookClient client;

  /** The addresses of next pages are changed to https by restfb. The simulator speaks http. */
  static class Requestor extends DefaultWebRequestor {
    @Override protected HttpURLConnection openConnection(URL url) throws IOException {
      return super.openConnection(new URL(url.toString().replaceFirst("^https:", "http:")));
    }
  }

  static FacebookClient client(String token, Version version) { return client(token, version, text("base")); }

  static FacebookClient client(String token, Version version, String base) {
    DefaultFacebookClient made = new DefaultFacebookClient(token, config.getString("secret", ""), new Requestor(), new DefaultJsonMapper(), version);
    made.setFacebookEndpointUrls(new FacebookEndpoints() {
      @Override public String getGraphEndpoint() { return base; }
    });
    return made;
  }

  static void show(String what, JsonValue read) {
    System.out.println(new JsonObject().add("what", what).add("read", read));
  }

  static JsonArray refusal(Runnable call) {
    try {
      call.run();
    } catch (FacebookOAuthException e) {
      int subcode = e.getErrorSubcode() == null ? 0 : e.getErrorSubcode();
      return new JsonArray().add(e.getHttpStatusCode()).add(e.getErrorCode()).add(subcode);
    }
    return new JsonArray().add("answered");
  }

  static String time(Date at) {
    return DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm:ss'+0000'").format(at.toInstant().atOffset(ZoneOffset.UTC));
  }

  static JsonObject lifetime(Iterable<Insight> insights) {
    JsonObject out = new JsonObject();
    for (Insight i : insights) {
      if (i.getPeriod().equals("lifetime")) out.add(i.getName(), i.getValues().get(0).get("value"));
    }
    return out;
  }

  static String text(String name) { return config.getString(name, ""); }

  static Parameter list(String name) {
    List<String> values = new ArrayList<>();
    for (JsonValue v : config.get(name).asArray()) values.add(v.asString());
    return Parameter.with("metric", values);
  }

  static String joined(String name) {
    List<String> values = new ArrayList<>();
    for (JsonValue v : config.get(name).asArray()) values.add(v.asString());
    return String.join(",", values);
  }

  static JsonObject byEnd(Insight i) {
    JsonObject out = new JsonObject();
    for (JsonObject v : i.getValues()) out.add(v.getString("end_time", ""), v.get("value"));
    return out;
  }

  static JsonArray keys(JsonObject o) {
    JsonArray out = new JsonArray();
    for (String name : new TreeSet<>(o.names())) out.add(name);
    return out;
  }

  public static void main(String[] args) {
    try {
      config = Json.parse(args[args.length - 1]).asObject();
      client = client(text("token"), Version.LATEST);
      page();
      person();
      instagram();
    } catch (Throwable e) {
      e.printStackTrace();
      show("failed", Json.value(e.toString()));
    }
    show("end", Json.NULL);
  }

  static void page() {
    String id = text("page");
    show("page by default", client.fetchObject(id, JsonObject.class));
    Page page = client.fetchObject(id, Page.class, Parameter.withFields("followers_count,instagram_business_account"));
    show("followers", Json.value(page.getFollowersCount()));
    show("instagram of the page", Json.value(page.getInstagramBusinessAccount().getId()));

    JsonObject days = new JsonObject();
    Connection<Insight> insights = client.fetchConnection(id + "/insights", Insight.class, list("metrics"), Parameter.with("period", "day"),
        Parameter.with("since", config.getLong("since", 0)), Parameter.with("until", config.getLong("until", 0)));
    for (Insight i : insights.getData()) days.add(i.getName(), byEnd(i));
    show("days", days);
    List<JsonObject> cities = client.fetchConnection(id + "/insights", Insight.class,
        Parameter.with("metric", "page_follows_city"), Parameter.with("period", "day")).getData().get(0).getValues();
    show("cities", cities.get(cities.size() - 1).get("value"));
    show("posts by default", keys(client.fetchConnection(id + "/posts", JsonObject.class, Parameter.withLimit(1)).getData().get(0)));

    JsonObject posts = new JsonObject();
    String fields = "id,message,created_time,shares,reactions.limit(0).summary(total_count),comments.limit(0).summary(total_count)";
    for (List<Post> part : client.fetchConnection(id + "/posts", Post.class, Parameter.withFields(fields), Parameter.withLimit(7))) {
      for (Post p : part) {
        posts.add(p.getId(), new JsonArray().add(p.getMessage()).add(time(p.getCreatedTime())).add(p.getSharesCount())
            .add(p.getReactionsCount()).add(p.getCommentsCount()));
      }
    }
    show("posts", posts);
    fields = "id,description,created_time,post_id,likes.limit(0).summary(true),comments.limit(0).summary(true)";
    JsonObject plays = new JsonObject();
    for (String edge : new String[] {"videos", "video_reels"}) {
      JsonObject listed = new JsonObject();
      for (List<Video> part : client.fetchConnection(id + "/" + edge, Video.class, Parameter.withFields(fields), Parameter.withLimit(7))) {
        for (Video v : part) {
          String post = v.getPostId() == null ? "" : v.getPostId();
          listed.add(v.getId(), new JsonArray().add(v.getDescription()).add(time(v.getCreatedTime())).add(post)
              .add(v.getLikesCount()).add(v.getCommentsCount()));
          plays.add(v.getId(), lifetime(client.fetchConnection(v.getId() + "/video_insights", Insight.class).getData()));
        }
      }
      show(edge.equals("videos") ? "videos" : "reels", listed);
    }

    JsonObject metrics = new JsonObject();
    List<String> ids = posts.names();
    for (int start = 0; start < ids.size(); start += 50) {
      List<String> part = ids.subList(start, Math.min(start + 50, ids.size()));
      List<BatchRequest> batch = new ArrayList<>();
      for (String post : part) {
        batch.add(new BatchRequest.BatchRequestBuilder(post)
            .parameters(Parameter.withFields("id,insights.metric(" + joined("postMetrics") + ")")).build());
      }
      List<BatchResponse> answers = client.executeBatch(batch);
      for (int i = 0; i < part.size(); i++) {
        Post post = client.getJsonMapper().toJavaObject(answers.get(i).getBody(), Post.class);
        metrics.add(part.get(i), lifetime(post.getInsights().getData()));
      }
    }
    show("metrics of posts", metrics);
    show("metrics by edge", new JsonObject().add(ids.get(0),
        lifetime(client.fetchConnection(ids.get(0) + "/insights", Insight.class, list("postMetrics")).getData())));
    show("plays", plays);

    show("deleted post", refusal(() -> client.fetchObject(text("deleted"), Post.class)));
    show("unknown metric", refusal(() -> client.fetchConnection(id + "/insights", Insight.class,
        Parameter.with("metric", "page_media_view,page_fans"), Parameter.with("period", "day"))));
    show("unknown field", refusal(() -> client.fetchObject(id, Page.class, Parameter.withFields("nonsense"))));
    show("unknown token", refusal(() -> client("Tok3nUnknown", Version.LATEST).fetchObject(id, Page.class)));
    show("past version", refusal(() -> client(text("token"), Version.VERSION_12_0).fetchObject(id, Page.class)));
    show("without a version", client(text("token"), Version.UNVERSIONED).fetchObject(id, JsonObject.class));
  }

  static void person() {
    FacebookClient client = client(text("personToken"), Version.LATEST);
    show("person", client.fetchObject("me", JsonObject.class));
    JsonObject pages = new JsonObject();
    for (List<JsonObject> part : client.fetchConnection("me/accounts", JsonObject.class, Parameter.withFields("id,name,tasks,access_token"))) {
      for (JsonObject p : part) {
        pages.add(p.getString("id", ""), new JsonArray().add(p.get("name")).add(p.get("tasks").asArray().size())
            .add(p.getString("access_token", "").length() > 20));
      }
    }
    show("pages of the person", pages);
    String longer = client.obtainExtendedAccessToken("app", text("secret"), text("personToken")).getAccessToken();
    DebugTokenInfo about = client("app|" + text("secret"), Version.LATEST).debugToken(longer);
    show("token of the person", new JsonArray().add(about.isValid()).add(about.getAppId()).add(about.getUserId())
        .add(about.getScopes().size()).add(about.getExpiresAt() != null));
  }

  static void instagram() {
    String id = text("instagram");
    show("instagram by default", client.fetchObject(id, JsonObject.class));
    IgUser user = client.fetchObject(id, IgUser.class, Parameter.withFields("username,followers_count,media_count"));
    show("instagram", new JsonArray().add(user.getUsername()).add(user.getFollowersCount()).add(user.getMediaCount()));
    Parameter since = Parameter.with("since", config.getLong("igSince", 0)), until = Parameter.with("until", config.getLong("igUntil", 0));
    Parameter day = Parameter.with("period", "day"), typed = Parameter.with("metric_type", "total_value");
    String edge = id + "/insights";
    show("reach", byEnd(client.fetchConnection(edge, Insight.class, Parameter.with("metric", "reach"), day, since, until).getData().get(0)));
    JsonObject totals = new JsonObject(), ages = new JsonObject(), media = new JsonObject(), metrics = new JsonObject();
    for (Insight i : client.fetchConnection(edge, Insight.class, list("igTotals"), day, typed, since, until).getData()) {
      totals.add(i.getName(), i.getTotalValue().getValue());
    }
    show("totals", totals);
    Insight followers = client.fetchConnection(edge, Insight.class, Parameter.with("metric", "follower_demographics"),
        Parameter.with("period", "lifetime"), typed, Parameter.with("breakdown", "age")).getData().get(0);
    for (InsightBreakdownResult r : followers.getTotalValue().getBreakdowns().get(0).getResults()) {
      ages.add(r.getDimensionValues().get(0), r.getValue());
    }
    show("ages", ages);
    String fields = "id,caption,timestamp,media_type,media_product_type,like_count,comments_count";
    for (List<IgMedia> part : client.fetchConnection(id + "/media", IgMedia.class, Parameter.withFields(fields), Parameter.withLimit(7))) {
      for (IgMedia m : part) {
        media.add(m.getId(), new JsonArray().add(m.getCaption()).add(time(m.getTimestamp())).add(m.getMediaType())
            .add(m.getMediaProductType()).add(m.getLikeCount()).add(m.getCommentsCount()));
        metrics.add(m.getId(), lifetime(client.fetchConnection(m.getId() + "/insights", Insight.class, list("igMetrics")).getData()));
      }
    }
    show("media", media);
    TreeSet<String> stories = new TreeSet<>();
    for (List<IgMedia> part : client.fetchConnection(id + "/stories", IgMedia.class, Parameter.withFields("id"))) {
      for (IgMedia m : part) stories.add(m.getId());
    }
    JsonArray ids = new JsonArray();
    for (String story : stories) ids.add(story);
    show("stories", ids);
    show("metrics of media", metrics);

    FacebookClient login = client(text("loginToken"), Version.LATEST, text("loginBase"));
    JsonObject me = login.fetchObject("me", JsonObject.class, Parameter.withFields("user_id,followers_count,media_count"));
    int listed = 0;
    String own = me.getString("user_id", "");
    for (List<IgMedia> part : login.fetchConnection(own + "/media", IgMedia.class, Parameter.withFields("id"), Parameter.withLimit(7))) {
      listed += part.size();
    }
    show("instagram login", new JsonArray().add(own).add(me.get("followers_count")).add(me.get("media_count")).add(listed));
  }
}
