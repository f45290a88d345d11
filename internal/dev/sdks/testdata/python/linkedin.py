"""Reads LinkedIn with linkedin-api-client, and prints what it read."""
import json
import sys

import linkedin_api.common.constants as constants

config = json.loads(sys.argv[-1])
constants.OAUTH_BASE_URL = config["base"] + "/oauth/v2"
constants.NON_VERSIONED_BASE_URL = config["base"] + "/v2"
constants.VERSIONED_BASE_URL = config["base"] + "/rest"

from linkedin_api.clients.auth.client import AuthClient  # noqa: E402
from linkedin_api.clients.restli.client import RestliClient  # noqa: E402

client = RestliClient()
page = config["page"]


def show(what, read):
    print(json.dumps({"what": what, "read": read}), flush=True)


def failed(kind, e, trace):
    sys.__excepthook__(kind, e, trace)
    show("failed", repr(e))
    show("end", None)


sys.excepthook = failed


def find(resource, finder, token=None, version=config["version"], **params):
    return client.finder(resource_path="/" + resource, finder_name=finder, query_params=params,
                         access_token=token or config["token"], version_string=version)


def refusal(response):
    body = response.response.json()
    return [response.status_code, body.get("code", ""), body["message"]]


def figures(element):
    t = element["totalShareStatistics"]
    return [t[name] for name in ("impressionCount", "uniqueImpressionsCount", "clickCount", "likeCount", "commentCount", "shareCount")]


def shares(**params):
    return find("organizationalEntityShareStatistics", "organizationalEntity", organizationalEntity=page, **params)


def ranges(start, end):
    return {"timeRange": {"start": start, "end": end}, "timeGranularityType": "DAY"}


size = client.get(resource_path="/networkSizes/{id}", path_keys={"id": page}, query_params={"edgeType": "COMPANY_FOLLOWED_BY_MEMBER"},
                  access_token=config["token"], version_string=config["version"])
show("followers", size.entity["firstDegreeSize"])
show("year", figures(shares().elements[0]))
show("days", {str(e["timeRange"]["start"]): figures(e) for e in shares(timeIntervals=ranges(*config["days"])).elements})
show("more than a hundred days", len(shares(timeIntervals=ranges(*config["manyDays"])).elements))

posts, start = {}, 0
while True:
    response = find("posts", "author", author=page, start=start, count=10, sortBy="CREATED")
    if not response.elements:
        break
    for post in response.elements:
        posts[post["id"]] = [post["commentary"], post["publishedAt"]]
    start += response.paging.count
show("posts", posts)
id = next(iter(posts))
post = client.get(resource_path="/posts/{id}", path_keys={"id": id}, access_token=config["token"], version_string=config["version"])
show("post", {id: [post.entity["commentary"], post.entity["publishedAt"]]})
several = client.batch_get(resource_path="/posts", ids=[id, config["deleted"]], access_token=config["token"], version_string=config["version"])
show("several posts", {"found": list(several.results), "statuses": {k: v for k, v in several.statuses.items() if v != 200}})

urns = {"shares": [u for u in posts if ":share:" in u], "ugcPosts": [u for u in posts if ":ugcPost:" in u]}
counts = shares(**urns)
show("tunneled", counts.response.request.method)
show("counts", {e.get("share") or e["ugcPost"]: figures(e) for e in counts.elements})
show("with a deleted post", refusal(shares(shares=[urns["shares"][0], config["deleted"]])))

places = find("organizationalEntityFollowerStatistics", "organizationalEntity", organizationalEntity=page).elements[0]
places = {p["geo"]: p["followerCounts"]["organicFollowerCount"] for p in places["followerCountsByGeoCountry"]}
show("places", places)
names = client.batch_get(resource_path="/geo", ids=[int(urn.split(":")[-1]) for urn in places], access_token=config["token"])
show("names", {"urn:li:geo:" + id: place["defaultLocalizedName"]["value"] for id, place in names.results.items()})

day = dict(zip(("year", "month", "day"), config["from"])), dict(zip(("year", "month", "day"), config["to"]))
member = {"token": config["memberToken"]}
show("member", find("memberFollowersCount", "me", **member).elements[0]["memberFollowersCount"])
found = find("memberFollowersCount", "dateRange", dateRange={"start": day[0], "end": day[1]}, **member)
show("member by day", [e["memberFollowersCount"] for e in found.elements])
by_day, of_post = {}, {}
for query in config["queryTypes"]:
    if query not in config["totalsOnly"]:
        found = find("memberCreatorPostAnalytics", "me", queryType=query, aggregation="DAILY", dateRange={"start": day[0], "end": day[1]}, **member)
        by_day[query] = [e["count"] for e in found.elements]
    found = find("memberCreatorPostAnalytics", "entity", queryType=query, aggregation="TOTAL", entity={"share": config["memberPost"]}, **member)
    of_post[query] = found.elements[0]["count"]
show("posts of the member by day", by_day)
show("post of the member", of_post)

show("no version", refusal(find("posts", "author", author=page, version=None)))
show("past version", refusal(find("posts", "author", author=page, version="202401")))
show("future version", refusal(find("posts", "author", author=page, version="202612")))
show("unknown token", refusal(find("posts", "author", author=page, token="Tok3nUnknown")))

auth = AuthClient(client_id="app", client_secret=config["secret"], redirect_url=config["redirect"])
given = auth.exchange_auth_code_for_access_token(config["code"])
show("scopes of the person", len(given.scope.split(",")))
me = client.get(resource_path="/me", access_token=given.access_token).entity
show("person", [me["id"], me["localizedFirstName"], me["localizedLastName"]])
acls = find("organizationAcls", "roleAssignee", token=given.access_token, role="ADMINISTRATOR", state="APPROVED").elements
numbers = [int(acl["organization"].split(":")[-1]) for acl in acls]
pages = client.batch_get(resource_path="/organizations", ids=numbers, access_token=given.access_token, version_string=config["version"])
show("pages of the person", {number: found["localizedName"] for number, found in pages.results.items()})
post = client.get(resource_path="/posts/{id}", path_keys={"id": id}, access_token=given.access_token, version_string=config["version"])
followers = find("memberFollowersCount", "me", token=given.access_token).elements[0]["memberFollowersCount"]
show("read by the person", [{id: [post.entity["commentary"], post.entity["publishedAt"]]}, followers])
renewed = auth.exchange_refresh_token_for_access_token(config["refresh"])
show("renewed", [renewed.expires_in, find("posts", "author", author=page, token=renewed.access_token, count=1).status_code])
about = auth.introspect_access_token(renewed.access_token)
show("introspected", [about.active, about.status, about.client_id])
show("end", None)
