// Reads LinkedIn with linkedin-api-client, and prints what it read.
const constants = require("linkedin-api-client/dist/lib/utils/constants");

const config = JSON.parse(process.argv.at(-1));
constants.OAUTH_BASE_URL = config.base + "/oauth/v2";
constants.NON_VERSIONED_BASE_URL = config.base + "/v2";
constants.VERSIONED_BASE_URL = config.base + "/rest";
const { AuthClient, RestliClient } = require("linkedin-api-client");

const client = new RestliClient(), page = config.page;
const show = (what, read) => console.log(JSON.stringify({ what, read }));
const common = { accessToken: config.token, versionString: config.version };
const find = (resource, finderName, queryParams, other = {}) =>
  client.finder({ resourcePath: "/" + resource, finderName, queryParams, ...common, ...other });
const refusal = (call) => call.then(() => "answered", (e) => [e.response.status, e.response.data.code ?? "", e.response.data.message]);
const figures = ({ totalShareStatistics: t }) =>
  [t.impressionCount, t.uniqueImpressionsCount, t.clickCount, t.likeCount, t.commentCount, t.shareCount];
const shares = (params) => find("organizationalEntityShareStatistics", "organizationalEntity", { organizationalEntity: page, ...params });
const ranges = ([start, end]) => ({ timeIntervals: { timeRange: { start, end }, timeGranularityType: "DAY" } });

async function main() {
  const size = await client.get({ resourcePath: "/networkSizes/{id}", pathKeys: { id: page }, queryParams: { edgeType: "COMPANY_FOLLOWED_BY_MEMBER" }, ...common });
  show("followers", size.data.firstDegreeSize);
  show("year", figures((await shares({})).data.elements[0]));
  show("days", Object.fromEntries((await shares(ranges(config.days))).data.elements.map((e) => [e.timeRange.start, figures(e)])));
  show("more than a hundred days", (await shares(ranges(config.manyDays))).data.elements.length);

  const posts = {};
  for (let start = 0; ;) {
    const { data } = await find("posts", "author", { author: page, start, count: 10, sortBy: "CREATED" });
    if (data.elements.length === 0) break;
    for (const post of data.elements) posts[post.id] = [post.commentary, post.publishedAt];
    start += data.paging.count;
  }
  show("posts", posts);
  const id = Object.keys(posts)[0];
  const post = await client.get({ resourcePath: "/posts/{id}", pathKeys: { id }, ...common });
  show("post", { [id]: [post.data.commentary, post.data.publishedAt] });
  const several = await client.batchGet({ resourcePath: "/posts", ids: [id, config.deleted], ...common });
  show("several posts", { found: Object.keys(several.data.results), statuses: Object.fromEntries(Object.entries(several.data.statuses).filter(([, s]) => s !== 200)) });

  const urns = { shares: Object.keys(posts).filter((u) => u.includes(":share:")), ugcPosts: Object.keys(posts).filter((u) => u.includes(":ugcPost:")) };
  const counts = await shares(urns);
  show("tunneled", counts.config.method.toUpperCase());
  show("counts", Object.fromEntries(counts.data.elements.map((e) => [e.share ?? e.ugcPost, figures(e)])));
  show("with a deleted post", await refusal(shares({ shares: [urns.shares[0], config.deleted] })));

  const facets = (await find("organizationalEntityFollowerStatistics", "organizationalEntity", { organizationalEntity: page })).data.elements[0];
  const places = Object.fromEntries(facets.followerCountsByGeoCountry.map((p) => [p.geo, p.followerCounts.organicFollowerCount]));
  show("places", places);
  const names = await client.batchGet({ resourcePath: "/geo", ids: Object.keys(places).map((urn) => Number(urn.split(":").at(-1))), accessToken: config.token });
  show("names", Object.fromEntries(Object.entries(names.data.results).map(([n, place]) => ["urn:li:geo:" + n, place.defaultLocalizedName.value])));

  const day = ([year, month, day]) => ({ year, month, day });
  const dateRange = { start: day(config.from), end: day(config.to) }, member = { accessToken: config.memberToken };
  show("member", (await find("memberFollowersCount", "me", {}, member)).data.elements[0].memberFollowersCount);
  show("member by day", (await find("memberFollowersCount", "dateRange", { dateRange }, member)).data.elements.map((e) => e.memberFollowersCount));
  const byDay = {}, ofPost = {}, analytics = (finder, params) => find("memberCreatorPostAnalytics", finder, params, member);
  for (const queryType of config.queryTypes) {
    if (!config.totalsOnly.includes(queryType)) {
      byDay[queryType] = (await analytics("me", { queryType, aggregation: "DAILY", dateRange })).data.elements.map((e) => e.count);
    }
    ofPost[queryType] = (await analytics("entity", { queryType, aggregation: "TOTAL", entity: { share: config.memberPost } })).data.elements[0].count;
  }
  show("posts of the member by day", byDay);
  show("post of the member", ofPost);

  show("no version", await refusal(find("posts", "author", { author: page }, { versionString: null })));
  show("past version", await refusal(find("posts", "author", { author: page }, { versionString: "202401" })));
  show("future version", await refusal(find("posts", "author", { author: page }, { versionString: "202612" })));
  show("unknown token", await refusal(find("posts", "author", { author: page }, { accessToken: "Tok3nUnknown" })));

  const auth = new AuthClient({ clientId: "app", clientSecret: config.secret, redirectUrl: config.redirect });
  const given = await auth.exchangeAuthCodeForAccessToken(config.code), person = { accessToken: given.access_token };
  show("scopes of the person", given.scope.split(",").length);
  const me = (await client.get({ resourcePath: "/me", ...person })).data;
  show("person", [me.id, me.localizedFirstName, me.localizedLastName]);
  const acls = (await find("organizationAcls", "roleAssignee", { role: "ADMINISTRATOR", state: "APPROVED" }, person)).data.elements;
  const ids = acls.map((acl) => Number(acl.organization.split(":").at(-1)));
  const pages = await client.batchGet({ resourcePath: "/organizations", ids, ...common, ...person });
  show("pages of the person", Object.fromEntries(Object.entries(pages.data.results).map(([n, found]) => [n, found.localizedName])));
  const theirs = (await client.get({ resourcePath: "/posts/{id}", pathKeys: { id }, ...common, ...person })).data;
  const followers = (await find("memberFollowersCount", "me", {}, person)).data.elements[0].memberFollowersCount;
  show("read by the person", [{ [id]: [theirs.commentary, theirs.publishedAt] }, followers]);
  const renewed = await auth.exchangeRefreshTokenForAccessToken(config.refresh);
  const read = await find("posts", "author", { author: page, count: 1 }, { accessToken: renewed.access_token });
  show("renewed", [renewed.expires_in, read.status]);
  const about = (await auth.introspectAccessToken(renewed.access_token)).data;
  show("introspected", [about.active, about.status, about.client_id]);
}

main().catch((e) => show("failed", `${e.stack} ${JSON.stringify(e.response?.data)}`)).then(() => show("end", null));
