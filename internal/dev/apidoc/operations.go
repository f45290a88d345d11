package apidoc

import (
	"github.com/ledgerboard/ledgerboard/domain"
)

// about describes an operation.
type about struct {
	tag, summary, text string

	headers []string // of the enveloped response
	answers []answer // responses that are not enveloped
	refuses []domain.Code
}

// answer is a response that is not enveloped.
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

	streamEnds = "While the service is not ready, or at its connection limit, it returns a stream that contains only a retry delay, in the event " +
		"retry_later, and then ends, so that an EventSource reconnects automatically. After any other status, retrying does not help. Unknown query " +
		"parameters are ignored, but another spelling of a known one is refused."
)

// tags are the groups in the order of the document.
var tags = []struct{ name, text string }{
	{tagService, "Health, metrics and this document."},
	{tagDashboards, "Who sees which client's dashboard, and which clients share one view."},
	{tagEntities, "Users, connections and posts, and the figures of each platform over time."},
	{tagDirectory, "The data that a main application sends: accounts, people, connections, subscriptions, planned and published posts. " +
		"Without a main application, the agency adds its clients and people here."},
	{tagAudit, "The history of dashboards, for auditors. The service records every read."},
	{tagStreams, "Events that are pushed to open pages."},
	{tagAnalytics, "Metrics of the social accounts and posts that the caller may see."},
	{tagConnecting, "Connects pages and profiles in a browser: the person signs in at the platform, then chooses what to connect."},
	{tagOperators, "Read models, rebuilds, dead letters and the log. Each action requires a reason and is recorded before it runs."},
}

const (
	mediaJSON    = "application/json"
	mediaProblem = "application/problem+json"
	mediaCSV     = "text/csv"
	mediaXLSX    = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	mediaText    = "text/plain"
	mediaEvents  = "text/event-stream"
)

var (
	streamAnswers  = []answer{{status: 200, text: "The stream.", media: []string{mediaEvents}}}
	streamRefusals = []domain.Code{
		domain.CodeInvalid, domain.CodeUnauthenticated, domain.CodeForbidden, domain.CodeNotFound,
	}
	socketIO = about{
		tag: tagStreams, summary: "Serves Socket.IO v4 (Engine.IO protocol 4).",
		text: "Use the standard client, with the token in auth.token or in a Bearer header. The events are client_access_removed and board_closed.",
		answers: []answer{
			{status: 200, text: "Engine.IO packets.", media: []string{mediaText}},
			{status: 400, text: "The request is not an Engine.IO packet.", media: []string{mediaJSON}},
		},
	}
	topPostsOfMember = figures("Returns the posts of one member that gained the most engagement in the range.", "")
)

func figures(summary, text string) about {
	return about{tag: tagAnalytics, summary: summary, text: text, refuses: []domain.Code{domain.CodeConflict}}
}

func entities(summary string) about { return about{tag: tagEntities, summary: summary} }

func statsOf(whose string) about {
	return about{tag: tagEntities, refuses: []domain.Code{domain.CodeConflict}, summary: "Returns followers, follower change, posts, engagement, " +
		"engagement rate, impressions, reach and demographics " + whose + ", by day, week or month."}
}

func audit(summary string) about { return about{tag: tagAudit, summary: summary} }

func file(summary string) about {
	return about{
		tag: tagAudit, summary: summary,
		text: "The last line of JSON Lines and the last sheet of a workbook say whether the file is complete and, if it is not, " +
			"where to continue. CSV contains rows and nothing else: the header Export-Summary says the same before the rows, and a " +
			"response that cannot be completed is cut off. A cell of CSV that starts like a formula is prefixed with an apostrophe.",
		answers: []answer{{
			status: 200, text: "The file.", media: []string{mediaCSV, "application/x-ndjson", mediaXLSX},
			headers: []string{"Content-Disposition", "Export-Summary"},
		}},
	}
}

// operations describes every operation, by id.
var operations = map[string]about{
	"getHealthz": {
		tag: tagService, summary: "Reports whether the process is running.",
		text:    "Use /readyz to check whether it can do its work.",
		answers: []answer{{status: 200, text: "The process is running.", media: []string{mediaJSON}}},
	},
	"getReadyz": {
		tag: tagService, summary: "Reports whether the service can do its work and, if not, why.",
		answers: []answer{
			{status: 200, text: "The service can serve reads. If status is degraded, something else is wrong; see checks.", media: []string{mediaJSON}},
			{status: 503, text: "The service cannot serve reads or, with for=writes, change dashboards; see checks.", media: []string{mediaJSON}, headers: []string{"Retry-After"}},
		},
	},
	"getMetrics": {
		tag: tagService, summary: "Returns metrics for Prometheus.",
		answers: []answer{{status: 200, text: "Metrics, in the text format that the scraper requests.", media: []string{mediaText}}},
	},
	"getOpenapiJson": {
		tag: tagService, summary: "Returns this document.",
		answers: []answer{{status: 200, text: "OpenAPI 3.1.", media: []string{mediaJSON}}},
	},
	"getAsyncapiJson": {
		tag: tagService, summary: "Returns the AsyncAPI document of the log's topics and the streams.",
		answers: []answer{{status: 200, text: "AsyncAPI 3.", media: []string{mediaJSON}}},
	},
	"getDocs": {
		tag: tagService, summary: "Returns this document as an HTML page.",
		answers: []answer{{status: 200, text: "HTML.", media: []string{"text/html"}}},
	},
	"getClientTgz": {
		tag: tagService, summary: "Returns the typed client for browsers and Node that matches this server, as a package for npm install.",
		answers: []answer{{status: 200, text: "An npm package.", media: []string{"application/gzip"}}},
	},
	"getClientJs": {
		tag: tagService, summary: "Returns the same client as a single module, for pages without a build step.",
		answers: []answer{{status: 200, text: "A JavaScript module.", media: []string{"text/javascript"}}},
	},

	"getDashboard": {
		tag: tagDashboards, summary: "Returns the dashboard of a sub-account.",
		text: "If the dashboard does not exist, an agency's request creates it. A client user can see the dashboards of their own account and of " +
			"linked accounts while they are open to that user.",

		headers: []string{"ETag"}, refuses: []domain.Code{domain.CodeConflict},
	},
	"putDashboard": {
		tag: tagDashboards, summary: "Updates a dashboard and the dashboards linked to it, atomically.",
		text: "Members that you leave out keep their values; unknown members are ignored. A request that changes nothing succeeds and is not recorded.",

		headers: []string{"ETag", "Idempotency-Replayed"},
		refuses: []domain.Code{
			domain.CodeConflict, domain.CodePreconditionFailed, domain.CodeTooLarge, codeUnsupportedMediaType,
			domain.CodeUnprocessable,
		},
	},

	"postDashboardPreview": {
		tag: tagDashboards, summary: "Previews a change to a dashboard: who would gain and who would lose access to which accounts.",
		text: "The request has the same body and If-Match header as a PUT of the dashboard and is validated in the same way, but changes nothing. To apply the " +
			"change, send the same body in a PUT with the value of `preview` in the If-Preview header: the PUT does exactly what the preview shows, or returns 412.",
		refuses: []domain.Code{
			domain.CodePreconditionFailed, domain.CodeTooLarge, codeUnsupportedMediaType, domain.CodeUnprocessable,
		},
	},

	"getMe": {
		tag: tagService, summary: "Returns the caller: user, account, agency, roles, scopes, and what the caller can open.",
	},
	"getDashboards": {
		tag: tagDashboards, summary: "Lists the clients of the agency, by name, each with a summary of its dashboard.",
		text: "The request does not create dashboards: `exists` says whether a client has one. A client user sees only the dashboards that they may open.",
	},
	"postDirectory": {
		tag: tagDirectory, summary: "Imports entities, erasures and published posts from a main application, as JSON Lines.",
		text: "The body has at most 10,000 lines and 16 MiB and may be compressed with gzip. An entity is " +
			"{\"type\":\"directory.<kind>.v1\",\"updated_at\":…,\"data\":{…}}; " +
			"an erasure is {\"type\":…,\"id\":…,\"erase\":true,\"updated_at\":…}; a post is {\"type\":\"metrics.post_registered.v1\",\"data\":{…}}. " +
			"updated_at is the time at which the entity was changed; the default is now. A line that is not newer than the stored entity changes nothing, " +
			"so you can repeat requests and send them in any order. The response reports the outcome of each line. When it arrives, reads usually show the " +
			"accepted entities; published posts appear a moment later.",
		refuses: []domain.Code{domain.CodeTooLarge, codeUnsupportedMediaType, domain.CodeUnprocessable},
	},
	"getDirectoryEntity": {tag: tagDirectory, summary: "Returns the current state of an entity, by kind and id."},
	"postAccounts": {
		tag: tagDirectory, summary: "Adds a client of the agency.",
		text: "Requires LEDGERBOARD_DIRECTORY=local; otherwise the response is 409. A request with the same Idempotency-Key returns the " +
			"client that the first request created.",
		refuses: []domain.Code{
			domain.CodeConflict, domain.CodeTooLarge, codeUnsupportedMediaType, domain.CodeUnprocessable,
		},
	},
	"putAccountsTimeZone": {
		tag: tagDirectory, summary: "Sets the time zone of the agency or of a client.",
		text: "The console shows the days of the account in this zone. Requires LEDGERBOARD_DIRECTORY=local; otherwise the response is " +
			"409, and the main application sends `time_zone` with the account.",
		refuses: []domain.Code{
			domain.CodeConflict, domain.CodeTooLarge, codeUnsupportedMediaType, domain.CodeUnprocessable,
		},
	},
	"postUsers": {
		tag: tagDirectory, summary: "Invites a colleague or a client user.",
		text: "Requires LEDGERBOARD_DIRECTORY=local; otherwise the response is 409. The person can sign in immediately: through the identity " +
			"provider, which matches the email address; if there is no provider, with a sign-in link from the agency; or with a token. The client's " +
			"dashboard determines what client users see.",
		refuses: []domain.Code{
			domain.CodeConflict, domain.CodeTooLarge, codeUnsupportedMediaType, domain.CodeUnprocessable,
		},
	},
	"postUsersSignInLink": {
		tag:     tagEntities,
		summary: "Creates a link that signs a user of the agency or of one of its clients in to the console once.",
		text: "Links are for client users, and for colleagues who have never signed in. The body is optional: valid_for sets how long the link works. A new link " +
			"replaces the user's earlier link. The service records who created the link and for whom. The response is 409 if people sign in through an identity " +
			"provider, if a colleague has signed in before, or if LEDGERBOARD_PUBLIC_URL is not set. This operation is only available where the console is served.",
		refuses: []domain.Code{
			domain.CodeConflict, domain.CodeTooLarge, codeUnsupportedMediaType, domain.CodeUnprocessable,
		},
	},
	"getUsersSessions": {
		tag: tagEntities, summary: "Lists the console sessions of a user, newest first.",
		text: "Each session belongs to one browser. This operation is only available where the console is served.",
	},
	"postUsersSessionsEnd": {
		tag: tagEntities, summary: "Ends a console session of a user and returns the remaining sessions.",
		text: "This operation is idempotent. To keep a user out, set the user inactive in the directory.",
	},
	"getAccounts": entities("Lists the accounts for which the caller may see figures, by name."),
	"getMembers":  entities("Lists the members of the caller's accounts, by name."),
	"getAccountsFollowers": entities("Returns the followers of each account over time: for each, the `total` of /getAccountFollowers with this " +
		"account alone."),
	"getAttention": entities("Lists what needs attention at the agency and its clients: sign-ins, dashboards that no one can open, and pages and " +
		"profiles that are not read."),
	"getCategories":          entities("Lists the categories of posts, by name."),
	"getUsersPlatforms":      entities("Lists the profiles and pages that a user's members have connected."),
	"getPlatformsActivities": entities("Lists the posts of one connected profile or page, newest first."),
	"getPlatformsStats":      statsOf("of one connected profile or page"),
	"getActivitiesPicture": {
		tag: tagEntities, summary: "Returns a thumbnail of a post's picture.",
		text: "The service re-encodes the picture, at most 320 pixels in each direction. The response is 404 if the platform provides no picture, or " +
			"if the URL of the picture expired before the service fetched it.",
		refuses: []domain.Code{domain.CodeNotFound},
		answers: []answer{
			{status: 200, text: "The picture.", media: []string{"image/jpeg"}, headers: []string{"ETag"}},
			{status: 304, text: "The caller's copy of the picture is current.", headers: []string{"ETag"}},
		},
	},
	"getActivitiesStats": entities("Lists the metrics of one post at each reading, newest first."),

	"getUsers":         entities("Lists the users of the caller's accounts, by name. A client user sees the users on the lists of their dashboards."),
	"getUsersByUserId": entities("Returns a user."),
	"getPlatforms": entities("Lists the connected profiles and pages, each with its state, the reason for its last " +
		"failure and its last reading."),
	"getPlatformsByPlatformId":  entities("Returns a connected profile or page."),
	"getActivities":             entities("Lists posts with their latest metrics, newest first, or the posts scheduled in the content planner."),
	"getActivitiesByActivityId": entities("Returns a post."),
	"getStats":                  statsOf("of each platform"),
	"getDashboardHistory":       audit("Lists the changes to a dashboard: who made each one, when, and in which request."),
	"getDashboardState":         audit("Returns the state of a dashboard at an instant or version."),
	"getDashboardDiff":          audit("Returns what changed on a dashboard between two instants or versions."),
	"getDashboardAccess":        audit("Returns whether a user had access to a dashboard at a time, and which records decided it."),
	"getAuditHistory":           audit("Lists the changes to all dashboards of the agency."),
	"getAuditDiff": {
		tag: tagAudit, summary: "Returns what changed on each dashboard of the agency between two instants or versions.",
		text: "Dashboards that did not change in between are omitted. The most recently changed dashboard comes first. All pages refer to the same two moments.",
	},
	"getAuditAccess": {
		tag: tagAudit, summary: "Lists who had access to any dashboard of the agency, for how long, and which records decided it.",
		text: "Pass at for an instant, or from and to for a range; the default is now. An entry is a continuous period in which a user was on the list " +
			"of a dashboard that was open to its clients. Agency staff can open every dashboard by role: `meta.staff` lists the staff in the current " +
			"directory. For an instant, `meta.without_access` lists the dashboards to which no one had access, with the records that decided it. " +
			"`names_proven` is always false, because the log contains only ids.",
	},
	"getAuditCheckpoints": {
		tag: tagAudit, summary: "Lists the signed checkpoints of the log, newest first.",
		text: "A checkpoint covers the records of all agencies and names none. `note` is the statement with its Ed25519 signature: keep it, and verify " +
			"it with the public key.",
	},
	"getAuditBundle": {
		tag: tagAudit, summary: "Returns the agency's proof bundle, which can be verified without the service.",
		text: "The bundle contains all records of the agency and the path from the last one that a checkpoint covers to that checkpoint. Verify it with " +
			"ledgerboard verify --bundle FILE --key PUB, and with --kept OLD against a bundle or checkpoint that you kept. The service builds one bundle at a time; other requests wait.",
		refuses: []domain.Code{domain.CodeNotFound, domain.CodeConflict},
		answers: []answer{{status: 200, text: "The bundle.", media: []string{"application/x-ndjson"}, headers: []string{"Content-Disposition"}}},
	},
	"getAuditReads":        audit("Lists who read or exported the audit trail, newest first."),
	"getAuditExport":       file("Exports the history as a file, oldest change first."),
	"getAuditAccessExport": file("Exports who had access to any dashboard of the agency, as one file."),

	"getNotices": {
		tag: tagStreams, summary: "Streams the caller's notices as Server-Sent Events.", answers: streamAnswers,
		refuses: streamRefusals,
		text: "The events are client_access_removed and board_closed; see the AsyncAPI document. The stream continues after Last-Event-ID. " +
			"Without Last-Event-ID, it starts at the newest notice. If the log was restored to a state before Last-Event-ID, the event notice_cursor " +
			"has \"all\": true: read everything again. " + streamEnds,
	},
	"getLive": {
		tag: tagStreams, summary: "Streams which figures of the caller's accounts changed, as Server-Sent Events.",
		answers: streamAnswers, refuses: streamRefusals,
		text: "The service sends the event figures_changed at most once a second, when the new figures can be read; see the AsyncAPI document. " +
			"The event covers readings and newly discovered posts. It does not cover changes by the main application, such as names, members, categories of " +
			"posts, prices and connections: request those again when the user opens a page that shows them. " +
			"With Last-Event-ID, the stream first reports that anything may have changed: read everything once. " +
			"The events connection_needs_sign_in and connection_ends_soon mean that a person must sign in at the platform. " + streamEnds,
	},
	"postNoticesTicket": {
		tag: tagStreams, summary: "Creates a ticket for an EventSource, which cannot send headers.",
		text: "The ticket opens one stream for the page that requested it. The page can reconnect with it until the login expires, for at most 12 hours. " +
			"A second stream with the same ticket ends the first. The stream is refused if the header Origin of both requests differs or, without Origin, " +
			"if Sec-Fetch-Site names another site. A request without these headers is accepted.",
	},
	"getSocketIo":  socketIO,
	"postSocketIo": socketIO,

	"getAccountInsights": figures("Returns follower and engagement totals per platform and overall, with the change from "+
		"the previous period.", ""),
	"getAccountFollowers":      figures("Returns followers by day, week or month, per platform and overall.", ""),
	"getRoiViews":              figures("Compares page views per platform and month with the cost of the subscriptions.", ""),
	"getAccountStats":          figures("Returns reach and impressions as totals and series.", ""),
	"getAccountNetGrowth":      figures("Returns net follower growth per platform and overall.", ""),
	"getAccountNetGrowthByPId": figures("Returns net follower growth per platform and overall.", ""),
	"getActivityMeter": figures("Returns posting frequency and an activity score.",
		"`meta.as_of` is the time at which the newest counted post was registered."),
	"getLeaderboard": figures("Returns the best members and the best posts, ranked by engagement.",
		"The result has a single page; limit is the number of members and the number of posts."),
	"getTopPostsInsights":      figures("Returns the posts that gained the most engagement in the range, or have the most in total.", ""),
	"getPostInsights":          figures("Returns every post with its latest metrics and its gains in the range.", ""),
	"getPostsLikes":            figures("Returns likes per post and over time.", ""),
	"getPostsViews":            figures("Returns the video views that posts gained over time.", ""),
	"getPostsEngagements":      figures("Returns likes + comments + shares per post.", ""),
	"getPostsTotalEngagements": figures("Returns the likes, comments and shares that all posts gained, as a sum and over time.", ""),
	"getMemberFollowersGraph":  figures("Returns the followers of one member by day, week or month, per platform and overall.", ""),
	"getAccountActiveMembersPlatforms": figures("Returns the active members of an account and the platforms that they have "+
		"connected, according to the current directory.",
		"The range in `meta` has no meaning here."),
	"getMembersSocialGrowth":    figures("Returns a member's growth summary.", ""),
	"getMembersPostInsights":    figures("Returns every post of one member with its latest metrics and its gains in the range.", ""),
	"getMembersfollowersGrowth": figures("Returns the followers of one member by day, week or month, per platform and overall.", ""),
	"getMembersPostLikes":       figures("Returns likes per post of one member, and over time.", ""),
	"getMembersPostViews":       figures("Returns the video views that the posts of one member gained over time.", ""),
	"getMembersPostEngagement":  figures("Returns likes + comments + shares per post of one member.", ""),

	"getMembersTopPostsByMemberIdByCId":                          topPostsOfMember,
	"getMembersTopPostsByMemberIdByStartTimeByCId":               topPostsOfMember,
	"getMembersTopPostsByMemberIdByStartTimeByEndTimeByCId":      topPostsOfMember,
	"getMembersTopPostsByMemberIdByStartTimeByEndTimeByCIdByPId": topPostsOfMember,
}

// aboutOf returns the description of an operation.
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
