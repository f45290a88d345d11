#!/usr/bin/env bash
# One would guess: the list of a page's posts, read with Meta's own SDK for Python, has all posts that Meta lists.
#
# What happens: the SDK's Cursor stops at the first page without items, although the page has a `next` link, and
# raises nothing. Meta's documentation of paginated results: "it is possible that a page may be empty but contain a
# next paging link. Stop paging when the next link no longer appears." Here, 2 of 4 posts are read. Meta's SDK for Node
# reads all 4 from the same answers.
#
# Versions: facebook_business 26.0.3 (PyPI), facebook-nodejs-business-sdk 24.0.1 (npm); Python 3.11, Node 20.
# Output seen:
#   facebook_business: 2 of 4 posts: 100_1 100_2
#   facebook-nodejs-business-sdk: 4 of 4 posts: 100_1 100_2 100_3 100_4
#
# Why it matters: who counts posts or sums figures with this SDK loses all posts behind an empty page, and nothing
# says so. A list that is compared with the SDK's is not wrong because it is longer.
#
# Exits with 1 if the behavior changes. Needs Python with pip, Node with npm, and the package registries.
set -euo pipefail
work=$(mktemp -d)
cd "$work"
trap 'kill "${server:-}" 2> /dev/null || true; cd /; rm -rf "$work"' EXIT

python3 -m pip install --quiet --disable-pip-version-check --no-deps --target site \
  facebook_business==26.0.3 requests==2.34.2 six==1.17.0 certifi==2026.10.19.post1 charset-normalizer==3.5.3 idna==3.20 urllib3==2.8.0 2> /dev/null
npm install --silent --no-audit --no-fund --ignore-scripts facebook-nodejs-business-sdk@24.0.1 > /dev/null

# The answers are as Meta documents them: a page of two, an empty page with a next one, a page of two.
cat > server.py << 'END'
import http.server, json, urllib.parse

PAGES = {"": (["100_1", "100_2"], "A"), "A": ([], "B"), "B": (["100_3", "100_4"], None)}

class Graph(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qs(url.query)
        ids, after = PAGES[query.get("after", [""])[0]]
        paging = {"cursors": {"before": "X", "after": after or "C"}}
        if after:
            paging["next"] = f"http://{self.headers['Host']}{url.path}?access_token=T&after={after}"
        body = json.dumps({"data": [{"id": id} for id in ids], "paging": paging}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Graph)
print(server.server_port, flush=True)
server.serve_forever()
END
cat > read.py << 'END'
import sys
from facebook_business.adobjects.page import Page
from facebook_business.api import FacebookAdsApi
from facebook_business.session import FacebookSession

FacebookSession.GRAPH = sys.argv[1]
posts = [post["id"] for post in Page("100", api=FacebookAdsApi(FacebookSession(access_token="T"))).get_posts(fields=["id"])]
print(f"facebook_business: {len(posts)} of 4 posts: {' '.join(posts)}")
END
cat > read.js << 'END'
const { FacebookAdsApi, Page } = require("facebook-nodejs-business-sdk");
Object.defineProperty(FacebookAdsApi, "GRAPH", { get: () => process.argv[2] });
FacebookAdsApi.setDefaultApi(new FacebookAdsApi("T", "en_US", false));
(async () => {
  const posts = [];
  const cursor = await new Page("100").getPosts(["id"]);
  for (posts.push(...cursor); cursor.hasNext(); posts.push(...cursor)) await cursor.next();
  console.log(`facebook-nodejs-business-sdk: ${posts.length} of 4 posts: ${posts.map((p) => p.id).join(" ")}`);
})();
END

python3 server.py > port &
server=$!
until [ -s port ]; do sleep 0.1; done
base=http://127.0.0.1:$(cat port)
{ PYTHONPATH=site python3 read.py "$base"; node read.js "$base"; } | tee seen
diff seen - << 'END'
facebook_business: 2 of 4 posts: 100_1 100_2
facebook-nodejs-business-sdk: 4 of 4 posts: 100_1 100_2 100_3 100_4
END
