// Reads pages and Instagram accounts with facebook-nodejs-business-sdk, and prints what it read.
const { FacebookAdsApi, FacebookAdsApiBatch, Page, PagePost, AdVideo, IGUser, IGMedia, User } = require("facebook-nodejs-business-sdk");

const config = JSON.parse(process.argv.at(-1));
Object.defineProperty(FacebookAdsApi, "GRAPH", { get: () => config.base, configurable: true });
const api = new FacebookAdsApi(config.token, "en_US", false);
FacebookAdsApi.setDefaultApi(api);

const show = (what, read) => console.log(JSON.stringify({ what, read }));
const refusal = (call) => call().then(() => "answered", (e) => [e.status, e.response.code, e.response.error_subcode || 0]);
const lifetime = (insights) => Object.fromEntries(insights.filter((i) => i.period === "lifetime").map((i) => [i.name, i.values[0].value]));
const total = (node, edge) => node[edge].summary.total_count;

async function list(cursor, add) {
  for (;;) {
    for (const item of cursor) add(item);
    if (!cursor.hasNext()) return;
    await cursor.next();
  }
}

async function main() {
  const page = new Page(config.page);
  show("page by default", await api.call("GET", [config.page]));
  const node = await new Page(config.page).get(["followers_count", "instagram_business_account"]);
  show("followers", node.followers_count);
  show("instagram of the page", node.instagram_business_account.id);

  const days = await page.getInsights([], { metric: config.metrics, period: "day", since: config.since, until: config.until });
  show("days", Object.fromEntries(days.map((i) => [i.name, Object.fromEntries(i.values.map((v) => [v.end_time, v.value]))])));
  const cities = await page.getInsights([], { metric: ["page_follows_city"], period: "day" });
  show("cities", cities[0].values.at(-1).value);
  show("posts by default", Object.keys((await page.getPosts([], { limit: 1 }))[0]._data).sort());

  const posts = {}, videos = {}, reels = {};
  let fields = ["id", "message", "created_time", "shares", "reactions.limit(0).summary(total_count)", "comments.limit(0).summary(total_count)"];
  await list(await page.getPosts(fields, { limit: 7 }), (post) => {
    posts[post.id] = [post.message, post.created_time, post.shares?.count ?? 0, total(post._data, "reactions"), total(post._data, "comments")];
  });
  show("posts", posts);
  fields = ["id", "description", "created_time", "post_id", "likes.limit(0).summary(true)", "comments.limit(0).summary(true)"];
  for (const [edge, listed] of [["getVideos", videos], ["getVideoReels", reels]]) {
    await list(await page[edge](fields, { limit: 7 }), (video) => {
      listed[video.id] = [video.description, video.created_time, video.post_id ?? "", total(video._data, "likes"), total(video._data, "comments")];
    });
  }
  show("videos", videos);
  show("reels", reels);

  const metrics = {}, ids = Object.keys(posts);
  for (let start = 0; start < ids.length; start += 50) {
    const batch = new FacebookAdsApiBatch(api);
    for (const id of ids.slice(start, start + 50)) {
      batch.add("GET", [id], { fields: `id,insights.metric(${config.postMetrics.join()})` }, null, (response) => {
        metrics[id] = lifetime(response.body.insights.data);
      });
    }
    await batch.execute();
  }
  show("metrics of posts", metrics);
  show("metrics by edge", { [ids[0]]: lifetime(await new PagePost(ids[0]).getInsights([], { metric: config.postMetrics })) });
  const plays = {};
  for (const id of [...Object.keys(videos), ...Object.keys(reels)]) {
    plays[id] = lifetime((await api.call("GET", [id, "video_insights"])).data);
  }
  show("plays", plays);

  show("deleted post", await refusal(() => new PagePost(config.deleted).get([])));
  show("unknown metric", await refusal(() => page.getInsights([], { metric: ["page_media_view", "page_fans"], period: "day" })));
  show("unknown field", await refusal(() => page.get(["nonsense"])));
  show("unknown token", await refusal(() => new FacebookAdsApi("Tok3nUnknown", "en_US", false).call("GET", [config.page])));
  const version = Object.getOwnPropertyDescriptor(FacebookAdsApi, "VERSION");
  for (const [what, other] of [["future version", "v99.0"], ["past version", "v3.0"]]) {
    Object.defineProperty(FacebookAdsApi, "VERSION", { get: () => other, configurable: true });
    show(what, await refusal(() => page.get(["id"])));
  }
  Object.defineProperty(FacebookAdsApi, "VERSION", version);

  const person = new FacebookAdsApi(config.personToken, "en_US", false), pages = {};
  show("person", await person.call("GET", ["me"]));
  await list(await new User("me", {}, undefined, person).getAccounts(["id", "name", "tasks", "access_token"]), (p) => {
    pages[p.id] = [p.name, p._data.tasks.length, p.access_token.length > 20];
  });
  show("pages of the person", pages);

  show("instagram by default", await api.call("GET", [config.instagram]));
  const user = await new IGUser(config.instagram).get(["username", "followers_count", "media_count"]);
  show("instagram", [user.username, user.followers_count, user.media_count]);
  const window = { since: config.igSince, until: config.igUntil };
  const reach = await user.getInsights([], { metric: ["reach"], period: "day", ...window });
  show("reach", Object.fromEntries(reach[0].values.map((v) => [v.end_time, v.value])));
  const totals = await user.getInsights([], { metric: config.igTotals, period: "day", metric_type: "total_value", ...window });
  show("totals", Object.fromEntries(totals.map((i) => [i.name, i._data.total_value.value])));
  const ages = await user.getInsights([], { metric: ["follower_demographics"], period: "lifetime", metric_type: "total_value", breakdown: "age" });
  show("ages", Object.fromEntries(ages[0]._data.total_value.breakdowns[0].results.map((r) => [r.dimension_values[0], r.value])));
  const media = {};
  fields = ["id", "caption", "timestamp", "media_type", "media_product_type", "like_count", "comments_count"];
  await list(await user.getMedia(fields, { limit: 7 }), (m) => {
    media[m.id] = [m.caption, m.timestamp, m.media_type, m.media_product_type, m.like_count, m.comments_count];
  });
  show("media", media);
  show("stories", (await user.getStories(["id"])).map((m) => m.id).sort());
  const mediaMetrics = {};
  for (const id of Object.keys(media)) mediaMetrics[id] = lifetime(await new IGMedia(id).getInsights([], { metric: config.igMetrics }));
  show("metrics of media", mediaMetrics);

  Object.defineProperty(FacebookAdsApi, "GRAPH", { get: () => config.loginBase });
  const login = new FacebookAdsApi(config.loginToken, "en_US", false);
  const me = await login.call("GET", ["me"], { fields: "user_id,followers_count,media_count" });
  let listed = 0;
  await list(await new IGUser(me.user_id, {}, undefined, login).getMedia(["id"], { limit: 7 }), () => listed++);
  show("instagram login", [me.user_id, me.followers_count, me.media_count, listed]);
}

main().catch((e) => show("failed", `${e.stack} ${JSON.stringify(e.response)}`)).then(() => show("end", null));
