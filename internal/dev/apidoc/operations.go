package apidoc

import (
	"github.com/ledgerboard/ledgerboard/domain"
)

// about is what an operation is for.
type about struct {
	tag, summary, text string

	headers []string // of its answer in the envelope
	answers []answer // instead of the envelope
	refuses []domain.Code
}

// answer is an answer that is not in the envelope.
type answer struct {
	status  int
	text    string
	media   []string
	headers []string
}

// The groups of the API document.
const (
	tagService    = "Service"
	tagDashboards = "Dashboards"
	tagEntities   = "Users, platforms, activities and stats"
	tagAudit      = "Audit"
	tagStreams    = "Notices and live updates"
	tagAnalytics  = "Analytics"
	tagConnecting = "Connecting"
	tagOperators  = "Operators"
	tagDirectory  = "Directory"

	streamEnds = "While the service is not ready or full, the answer is a stream that only says when to come back, and ends: an " +
		"EventSource then tries again by itself. Any other status means that trying again does not help."
)

// tags are the groups in their order.
var tags = []struct{ name, text string }{
	{tagService, "Health, metrics and this document."},
	{tagDashboards, "Who sees which client's dashboard, and which clients share one view."},
	{tagEntities, "Users, connections and posts, one by one; and the figures of each platform over time."},
	{tagDirectory, "What a main application tells: accounts, people, connections, subscriptions, planned and published posts. Without one, the " +
		"agency adds its clients and people here."},
	{tagAudit, "The history of dashboards, for auditors. The service records each look at it."},
	{tagStreams, "What happens while a page is open."},
	{tagAnalytics, "Figures of the social accounts and posts that the caller may see."},
	{tagConnecting, "Pages and profiles are connected in a browser: a sign-in at the platform, then a choice."},
	{tagOperators, "The engine: read models, rebuilds, parked events, the log. Each action takes a reason and is recorded before it is done."},
}

const (
	mediaJSON    = "application/json"
	mediaProblem = "application/problem+json"
	mediaCSV     = "text/csv"
	mediaText    = "text/plain"
	mediaEvents  = "text/event-stream"
)

var (
	streamAnswers  = []answer{{status: 200, text: "The stream.", media: []string{mediaEvents}}}
	streamRefusals = []domain.Code{domain.CodeInvalid, domain.CodeUnauthenticated, domain.CodeForbidden, domain.CodeNotFound}
	socketIO       = about{
		tag: tagStreams, summary: "Socket.IO v4 (Engine.IO protocol 4).",
		text: "For the stock client, with the token in auth.token or a Bearer header. The events are client_access_removed and board_closed.",
		answers: []answer{
			{status: 200, text: "Packets of Engine.IO.", media: []string{mediaText}},
			{status: 400, text: "The request is no packet of Engine.IO.", media: []string{mediaJSON}},
		},
	}
	topPostsOfMember = figures("The posts of one member that gained most engagement in the range.", "")
)

func figures(summary, text string) about {
	return about{tag: tagAnalytics, summary: summary, text: text, refuses: []domain.Code{domain.CodeConflict}}
}

func entities(summary string) about { return about{tag: tagEntities, summary: summary} }

func statsOf(whose string) about {
	return about{tag: tagEntities, refuses: []domain.Code{domain.CodeConflict}, summary: "Followers, their change, posts, engagement and its rate, " +
		"impressions, reach and demographics " + whose + ", by day, week or month."}
}

func audit(summary string) about { return about{tag: tagAudit, summary: summary} }

func file(summary string) about {
	return about{
		tag: tagAudit, summary: summary,
		text: "The last line says whether the file is complete, and where to continue when it is not. Cells that begin like a " +
			"formula get an apostrophe.",
		answers: []answer{{
			status: 200, text: "The file.", media: []string{mediaCSV, "application/x-ndjson"}, headers: []string{"Content-Disposition"},
		}},
	}
}

// operations has every operation by its id.
var operations = map[string]about{
	"getHealthz": {
		tag: tagService, summary: "Says that the process serves.", text: "Whether it can do its work is /readyz.",
		answers: []answer{{status: 200, text: "It serves.", media: []string{mediaJSON}}},
	},
	"getReadyz": {
		tag: tagService, summary: "Says whether the service can do its work, and what keeps it from it.",
		answers: []answer{
			{status: 200, text: "It can serve reads. Status degraded: something else is wrong; the checks say what.", media: []string{mediaJSON}},
			{status: 503, text: "It cannot serve reads, or with for=writes, no change can succeed; the checks say why.", media: []string{mediaJSON}, headers: []string{"Retry-After"}},
		},
	},
	"getMetrics": {
		tag: tagService, summary: "Metrics for Prometheus.",
		answers: []answer{{status: 200, text: "In the text format that the scraper asks for.", media: []string{mediaText}}},
	},
	"getOpenapiJson": {
		tag: tagService, summary: "This document.", answers: []answer{{status: 200, text: "OpenAPI 3.1.", media: []string{mediaJSON}}},
	},
	"getAsyncapiJson": {
		tag: tagService, summary: "Describes the topics of the log and the streams.",
		answers: []answer{{status: 200, text: "AsyncAPI 3.", media: []string{mediaJSON}}},
	},
	"getDocs": {
		tag: tagService, summary: "This document as a page.", answers: []answer{{status: 200, text: "HTML.", media: []string{"text/html"}}},
	},
	"getClientTgz": {
		tag: tagService, summary: "The typed client for browsers and Node that fits this server, for npm install.",
		answers: []answer{{status: 200, text: "An npm package.", media: []string{"application/gzip"}}},
	},
	"getClientJs": {
		tag: tagService, summary: "The same client as one module, for pages without a build.",
		answers: []answer{{status: 200, text: "A module.", media: []string{"text/javascript"}}},
	},

	"getDashboard": {
		tag: tagDashboards, summary: "The dashboard of a sub-account.",
		text: "An agency's first request creates a missing dashboard. A client sees its own dashboard and linked ones, when they are open to it.",

		headers: []string{"ETag"}, refuses: []domain.Code{domain.CodeConflict},
	},
	"putDashboard": {
		tag: tagDashboards, summary: "Changes a dashboard and those linked with it, all or nothing.",
		text: "Absent members keep their value; the service ignores unknown ones. A request that changes nothing succeeds and leaves no record.",

		headers: []string{"ETag", "Idempotency-Replayed"},
		refuses: []domain.Code{
			domain.CodeConflict, domain.CodePreconditionFailed, domain.CodeTooLarge, codeUnsupportedMediaType, domain.CodeUnprocessable,
		},
	},

	"postDashboardPreview": {
		tag: tagDashboards, summary: "What a PUT of the dashboard would do: who gains and who loses access to which accounts.",
		text: "The body and If-Match are the PUT's. It is judged and decided as the PUT is, and changes nothing. Then send the same body as a PUT, " +
			"with `preview` as If-Preview: it does exactly what was shown, or answers 412.",
		refuses: []domain.Code{domain.CodePreconditionFailed, domain.CodeTooLarge, codeUnsupportedMediaType, domain.CodeUnprocessable},
	},

	"getMe": {
		tag: tagService, summary: "Who the caller is: its user, account and agency, its roles and scopes, and what is open to it.",
	},
	"getDashboards": {
		tag: tagDashboards, summary: "Every client of the agency, by name, with what its dashboard is.",
		text: "Nothing is created: `exists` says whether there is a dashboard already. A client user sees the dashboards that it may open.",
	},
	"postDirectory": {
		tag: tagDirectory, summary: "Takes entities, erasures and published posts of a main application, a line of JSON each.",
		text: "At most 10,000 lines and 16 MiB, compressed by gzip or not. An entity is {\"type\":\"directory.<kind>.v1\",\"updated_at\":…,\"data\":{…}}; " +
			"an erasure {\"type\":…,\"id\":…,\"erase\":true,\"updated_at\":…}; a post {\"type\":\"metrics.post_registered.v1\",\"data\":{…}}. " +
			"updated_at is when the entity was changed: what is not later than what is known changes nothing, so that a request may be repeated, and " +
			"requests may overtake each other. Without one it is now. The answer says of each line what became of it; taken lines are in the log, and " +
			"tables show them a moment later.",
		refuses: []domain.Code{domain.CodeTooLarge, codeUnsupportedMediaType, domain.CodeUnprocessable},
	},
	"getDirectoryEntity": {tag: tagDirectory, summary: "One entity as it was told last, by its kind and id."},
	"postAccounts": {
		tag: tagDirectory, summary: "Adds a client of the agency.",
		text:    "For LEDGERBOARD_DIRECTORY=local; else 409. A repetition with the same Idempotency-Key answers what the first has made.",
		refuses: []domain.Code{domain.CodeConflict, domain.CodeTooLarge, codeUnsupportedMediaType, domain.CodeUnprocessable},
	},
	"postUsers": {
		tag: tagDirectory, summary: "Invites a person: a colleague, or somebody of a client.",
		text: "For LEDGERBOARD_DIRECTORY=local; else 409. The person may sign in from now on, by the identity provider, which knows the e-mail " +
			"address, where there is none by a link of the agency, or with a token. What a client's people see, the client's dashboard says.",
		refuses: []domain.Code{domain.CodeConflict, domain.CodeTooLarge, codeUnsupportedMediaType, domain.CodeUnprocessable},
	},
	"postUsersSignInLink": {
		tag:     tagEntities,
		summary: "Makes a link that signs a person of the agency in to the console once.",
		text: "For client users, and for a colleague who has never signed in. The body is optional: valid_for says how long the link works. A new link " +
			"replaces an earlier one of the same person. The service records who made it for whom. 409 if people sign in at an identity provider, if a " +
			"colleague has signed in before, or if LEDGERBOARD_PUBLIC_URL is not set. Only available where the console is served.",
		refuses: []domain.Code{domain.CodeConflict, domain.CodeTooLarge, codeUnsupportedMediaType, domain.CodeUnprocessable},
	},
	"getUsersSessions": {
		tag: tagEntities, summary: "Where a person of the agency is signed in to the console, the newest first.", text: "Each is a browser. Not there where the console is not served.",
	},
	"postUsersSessionsEnd": {
		tag: tagEntities, summary: "Ends a session of a person of the agency, and answers those that are left.",
		text: "Repeating this is harmless. Whoever is to be kept out is set inactive in the directory.",
	},
	"getAccounts":            entities("The accounts whose figures the caller may see, by name."),
	"getMembers":             entities("The members of the caller's accounts, by name."),
	"getCategories":          entities("The categories of posts, by name."),
	"getUsersPlatforms":      entities("What a user has connected: the profiles and pages of its members."),
	"getPlatformsActivities": entities("The posts of one connected profile or page, newest first."),
	"getPlatformsStats":      statsOf("of one connected profile or page"),
	"getActivitiesPicture": {
		tag: tagEntities, summary: "The picture of one post, small.",
		text: "A copy that the service has drawn anew, 320 pixels at most each way. 404 where there is none: the platform gives none, or its address " +
			"ended before it was taken.",
		refuses: []domain.Code{domain.CodeNotFound},
		answers: []answer{
			{status: 200, text: "The picture.", media: []string{"image/jpeg"}, headers: []string{"ETag"}},
			{status: 304, text: "The caller's picture is still right.", headers: []string{"ETag"}},
		},
	},
	"getActivitiesStats": entities("What one post had gathered at each reading, newest first."),

	"getUsers":         entities("The users of the caller's accounts, by name. A client user sees those whom its dashboards list."),
	"getUsersByUserId": entities("One user."),
	"getPlatforms": entities("The connected profiles and pages, with their state, the reason of the last " +
		"failure and the last reading."),
	"getPlatformsByPlatformId":  entities("One connected profile or page."),
	"getActivities":             entities("Posts with their latest figures, newest first; or what the content planner holds."),
	"getActivitiesByActivityId": entities("One post."),
	"getStats":                  statsOf("of each platform"),
	"getDashboardHistory":       audit("Who changed a dashboard, when and by which request."),
	"getDashboardState":         audit("What a dashboard was at an instant or version."),
	"getDashboardDiff":          audit("What changed on a dashboard between two instants or versions."),
	"getDashboardAccess":        audit("Whether a user had access to a dashboard at a time, and which records decided that."),
	"getAuditHistory":           audit("Who changed any dashboard of the agency."),
	"getAuditDiff": {
		tag: tagAudit, summary: "What changed on each dashboard of the agency between two instants or versions.",
		text: "Dashboards that were not changed in between are left out. The one that was changed last comes first. All pages stand for the same two moments.",
	},
	"getAuditAccess": {
		tag: tagAudit, summary: "Who had access to any dashboard of the agency, from when to when, and which records decided that.",
		text: "At an instant (now without at, from and to), or at any time of a range. An entry is a time without a gap in which a user was on the list " +
			"of a dashboard that was open to its clients. Agency staff open every dashboard by their role: `meta.staff` names them as the directory " +
			"holds them today. At an instant `meta.without_access` names the dashboards to which nobody had access, and the records that decided " +
			"so. `names_proven` is always false: the log has ids alone.",
	},
	"getAuditCheckpoints": {
		tag: tagAudit, summary: "The signed checkpoints of the log, newest first.",
		text: "They name no agency, and cover the records of all. `note` is the statement with its signature (Ed25519): keep it, and check " +
			"it with the public key.",
	},
	"getAuditBundle": {
		tag: tagAudit, summary: "The proof bundle of the agency, to be checked without the service.",
		text: "All records of the agency with their places in the newest checkpoint's tree. ledgerboard verify --bundle FILE --key PUB checks it. " +
			"One bundle at a time is made; who asks meanwhile waits.",
		refuses: []domain.Code{domain.CodeNotFound, domain.CodeConflict},
		answers: []answer{{status: 200, text: "The bundle.", media: []string{"application/x-ndjson"}, headers: []string{"Content-Disposition"}}},
	},
	"getAuditReads":        audit("Who read or exported the audit trail, newest first."),
	"getAuditExport":       file("The history as a file, oldest change first."),
	"getAuditAccessExport": file("Who had access to any dashboard of the agency as a file, whole."),

	"getNotices": {
		tag: tagStreams, summary: "The caller's notices as Server-Sent Events.", answers: streamAnswers, refuses: streamRefusals,
		text: "The events are client_access_removed and board_closed; see the AsyncAPI document. The stream continues after Last-Event-ID. " +
			"Without one it begins at the newest notice. " + streamEnds,
	},
	"getLive": {
		tag: tagStreams, summary: "Which figures of the caller's accounts changed, as Server-Sent Events.",
		answers: streamAnswers, refuses: streamRefusals,
		text: "The event is figures_changed, at most once a second, after the figures can be read; see the AsyncAPI document. " +
			"It tells of readings and of posts that became known. It does not tell what the main application changes: names, " +
			"members, categories of " +
			"posts, prices, connections. Ask again for those when their page is opened. " +
			"With Last-Event-ID the stream continues after that event. When the service does not know that event any more, it says that anything " +
			"may have changed. The event connection_needs_sign_in tells that the platform refuses a connection until a person signs in. " + streamEnds,
	},
	"postNoticesTicket": {
		tag: tagStreams, summary: "A ticket for an EventSource, which cannot send headers.",
		text: "It opens one stream for the page that asked for it, as often as that comes back, until the login ends and for 12 hours at most. " +
			"A second stream with the same ticket ends the first. Pages of another origin are known by the header Origin; where there is none, " +
			"the browser must say Sec-Fetch-Site: same-origin.",
	},
	"getSocketIo":  socketIO,
	"postSocketIo": socketIO,

	"getAccountInsights": figures("Follower and engagement totals per platform and over all, with the change against "+
		"the previous period.", ""),
	"getAccountFollowers":      figures("The followers of each day (week, month), per platform and over all.", ""),
	"getRoiViews":              figures("Views per platform and month against what the subscriptions cost.", ""),
	"getAccountStats":          figures("Reach and impressions, totals and series.", ""),
	"getAccountNetGrowth":      figures("Net follower growth per platform and over all.", ""),
	"getAccountNetGrowthByPId": figures("Net follower growth per platform and over all.", ""),
	"getActivityMeter": figures("Posting frequency and an activity score.",
		"`meta.as_of` is the newest registration of a post that counts."),
	"getLeaderboard": figures("The best members and the best posts, ranked by engagement.",
		"It has no further pages; limit is how many of each the answer has."),
	"getTopPostsInsights":      figures("The posts that gained most engagement in the range, or have most of it.", ""),
	"getPostInsights":          figures("Every post with its latest metrics, and what it gained in the range.", ""),
	"getPostsLikes":            figures("Likes per post and over time.", ""),
	"getPostsViews":            figures("The views that posts gained over time.", ""),
	"getPostsEngagements":      figures("Likes + comments + shares per post.", ""),
	"getPostsTotalEngagements": figures("Likes, comments and shares that all posts gained, summed, and over time.", ""),
	"getMemberFollowersGraph":  figures("The followers of one member, of each day (week, month), per platform and over all.", ""),
	"getAccountActiveMembersPlatforms": figures("The active members of an account and the platforms that they have "+
		"connected, as the directory has them now.",
		"The range in `meta` says nothing here."),
	"getMembersSocialGrowth":    figures("A member's growth summary.", ""),
	"getMembersPostInsights":    figures("Every post of one member with its latest metrics, and what it gained in the range.", ""),
	"getMembersfollowersGrowth": figures("The followers of one member, of each day (week, month), per platform and over all.", ""),
	"getMembersPostLikes":       figures("Likes per post of one member, and over time.", ""),
	"getMembersPostViews":       figures("The views that the posts of one member gained over time.", ""),
	"getMembersPostEngagement":  figures("Likes + comments + shares per post of one member.", ""),

	"getMembersTopPostsByMemberIdByCId":                          topPostsOfMember,
	"getMembersTopPostsByMemberIdByStartTimeByCId":               topPostsOfMember,
	"getMembersTopPostsByMemberIdByStartTimeByEndTimeByCId":      topPostsOfMember,
	"getMembersTopPostsByMemberIdByStartTimeByEndTimeByCIdByPId": topPostsOfMember,
}

// aboutOf finds what an operation is for, also of one at the root.
func aboutOf(id string) (about, bool) {
	a, ok := operations[id]
	if !ok {
		a, ok = operatorsOperations[id]
	}
	if !ok {
		a, ok = connectOperations[id]
	}
	return a, ok
}
