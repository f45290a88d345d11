"""Reads pages and Instagram accounts with facebook_business, and prints what it read."""
import json
import sys
import warnings

from facebook_business.adobjects.advideo import AdVideo
from facebook_business.adobjects.igmedia import IGMedia
from facebook_business.adobjects.iguser import IGUser
from facebook_business.adobjects.page import Page
from facebook_business.adobjects.pagepost import PagePost
from facebook_business.adobjects.user import User
from facebook_business.api import FacebookAdsApi
from facebook_business.exceptions import FacebookRequestError
from facebook_business.session import FacebookSession

warnings.simplefilter("ignore")  # of its list of fields and types, which is shorter than the API
config = json.loads(sys.argv[-1])
FacebookSession.GRAPH = config["base"]


def api(token, version=None):
    session = FacebookSession(app_secret=config["secret"], access_token=token)
    return FacebookAdsApi(session, api_version=version)


def show(what, read):
    print(json.dumps({"what": what, "read": read}), flush=True)


def failed(kind, e, trace):
    sys.__excepthook__(kind, e, trace)
    show("failed", repr(e))
    show("end", None)


sys.excepthook = failed


def refusal(call):
    try:
        call()
    except FacebookRequestError as e:
        return [e.http_status(), e.api_error_code(), e.api_error_subcode() or 0]
    return "answered"


def lifetime(insights):
    return {i["name"]: i["values"][0]["value"] for i in insights if i["period"] == "lifetime"}


def total(node, edge):
    return node[edge]["summary"]["total_count"]


page = Page(config["page"], api=api(config["token"]))
show("page by default", dict(page.api_get()))
node = Page(config["page"], api=api(config["token"])).api_get(fields=["followers_count", "instagram_business_account"])
show("followers", node["followers_count"])
show("instagram of the page", node["instagram_business_account"]["id"])

days = page.get_insights(params={"metric": config["metrics"], "period": "day", "since": config["since"], "until": config["until"]})
show("days", {i["name"]: {v["end_time"]: v["value"] for v in i["values"]} for i in days})
cities = page.get_insights(params={"metric": ["page_follows_city"], "period": "day"})
show("cities", cities[0]["values"][-1]["value"])
show("posts by default", sorted(list(dict(page.get_posts(params={"limit": 1})[0]))))

fields = ["id", "message", "created_time", "shares", "reactions.limit(0).summary(total_count)", "comments.limit(0).summary(total_count)"]
posts = {}
for post in page.get_posts(fields=fields, params={"limit": 7}):
    posts[post["id"]] = [post["message"], post["created_time"], post["shares"]["count"] if "shares" in post else 0,
                         total(post, "reactions"), total(post, "comments")]
show("posts", posts)
fields = ["id", "description", "created_time", "post_id", "likes.limit(0).summary(true)", "comments.limit(0).summary(true)"]
videos, reels = {}, {}
for edge, listed in ((page.get_videos, videos), (page.get_video_reels, reels)):
    for video in edge(fields=fields, params={"limit": 7}):
        listed[video["id"]] = [video["description"], video["created_time"], video.get("post_id", ""), total(video, "likes"), total(video, "comments")]
show("videos", videos)
show("reels", reels)

# The Batch API answers 50 requests at once.
metrics = {}
ids = list(posts)
for start in range(0, len(ids), 50):
    batch = page.get_api_assured().new_batch()
    for id in ids[start:start + 50]:
        def read(response, id=id):
            metrics[id] = lifetime(response.json()["insights"]["data"])
        PagePost(id, api=page.get_api_assured()).api_get(fields=["id", "insights.metric(" + ",".join(config["postMetrics"]) + ")"], batch=batch, success=read)
    batch.execute()
show("metrics of posts", metrics)
id = ids[0]
show("metrics by edge", {id: lifetime(PagePost(id, api=page.get_api_assured()).get_insights(params={"metric": config["postMetrics"]}))})
plays = {}
for id in [*videos, *reels]:
    plays[id] = lifetime(AdVideo(id, api=page.get_api_assured()).get_video_insights())
show("plays", plays)

show("deleted post", refusal(lambda: PagePost(config["deleted"], api=api(config["token"])).api_get()))
show("unknown metric", refusal(lambda: page.get_insights(params={"metric": ["page_media_view", "page_fans"], "period": "day"})))
show("unknown field", refusal(lambda: page.api_get(fields=["nonsense"])))
show("unknown token", refusal(lambda: Page(config["page"], api=api("Tok3nUnknown")).api_get()))
show("future version", refusal(lambda: Page(config["page"], api=api(config["token"], "v99.0")).api_get()))
show("past version", refusal(lambda: Page(config["page"], api=api(config["token"], "v3.0")).api_get()))

mara = User("me", api=api(config["personToken"]))
show("person", dict(User("me", api=api(config["personToken"])).api_get()))
pages = mara.get_accounts(fields=["id", "name", "tasks", "access_token"])
show("pages of the person", {p["id"]: [p["name"], len(p["tasks"]), len(p["access_token"]) > 20] for p in pages})

user = IGUser(config["instagram"], api=api(config["token"]))
show("instagram by default", dict(user.api_get()))
node = IGUser(config["instagram"], api=api(config["token"])).api_get(fields=["username", "followers_count", "media_count"])
show("instagram", [node["username"], node["followers_count"], node["media_count"]])
window = {"since": config["igSince"], "until": config["igUntil"]}
reach = user.get_insights(params={"metric": ["reach"], "period": "day", **window})
show("reach", {v["end_time"]: v["value"] for v in reach[0]["values"]})
totals = user.get_insights(params={"metric": config["igTotals"], "period": "day", "metric_type": "total_value", **window})
show("totals", {i["name"]: i["total_value"]["value"] for i in totals})
ages = user.get_insights(params={"metric": ["follower_demographics"], "period": "lifetime", "metric_type": "total_value", "breakdown": "age"})
show("ages", {r["dimension_values"][0]: r["value"] for r in ages[0]["total_value"]["breakdowns"][0]["results"]})
fields = ["id", "caption", "timestamp", "media_type", "media_product_type", "like_count", "comments_count"]
media = {}
for item in user.get_media(fields=fields, params={"limit": 7}):
    media[item["id"]] = [item["caption"], item["timestamp"], item["media_type"], item["media_product_type"], item["like_count"], item["comments_count"]]
show("media", media)
show("stories", sorted(item["id"] for item in user.get_stories(fields=["id"])))
show("metrics of media", {id: lifetime(IGMedia(id, api=user.get_api_assured()).get_insights(params={"metric": config["igMetrics"]})) for id in media})

FacebookSession.GRAPH = config["loginBase"]
node = IGUser("me", api=api(config["loginToken"])).api_get(fields=["user_id", "followers_count", "media_count"])
listed = len(list(IGUser(node["user_id"], api=api(config["loginToken"])).get_media(fields=["id"], params={"limit": 7})))
show("instagram login", [node["user_id"], node["followers_count"], node["media_count"], listed])
show("end", None)
