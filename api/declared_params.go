package api

import (
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// Param declares a parameter. [Params] reads it by the declaration, and the API document shows it.
type Param struct {
	Name    string
	Kind    Kind
	Text    string // description in the API document
	Default string // default, in words; "" if absence has no effect
	// Required applies to query parameters; path parameters are always required.
	Required bool
	Header   bool     // a header; otherwise a path parameter if the pattern contains it, else a query parameter
	Words    []string // the allowed values
	Example  any

	wrong string // error for a value that is not in Words; %s stands for Words
}

func (d Param) same(other Param) bool { return d.Name == other.Name }

// Kind is the format of a parameter. The API document has one schema for each.
type Kind string

// The kinds of parameters.
const (
	KindText        Kind = "text"
	KindWord        Kind = "word"     // one of a fixed set of words
	KindHexID       Kind = "hex id"   // 24 hex digits
	KindRowID       Kind = "row id"   // a positive integer
	KindAccount     Kind = "account"  // a hex id or a row id
	KindAccounts    Kind = "accounts" // hex ids and row ids, separated by commas
	KindActivity    Kind = "activity" // <connected account>:<the platform's id of the post>
	KindPlatform    Kind = "platform" // a platform's number, or all
	KindCategory    Kind = "category" // a category's number, or all
	KindActor       Kind = "actor"
	KindKey         Kind = "key"     // an idempotency key
	KindTags        Kind = "tags"    // entity tags, or *
	KindChanges     Kind = "changes" // types of changes, separated by commas
	KindTime        Kind = "time"    // a day, an instant, or Unix seconds or milliseconds
	KindZone        Kind = "zone"
	KindMoment      Kind = "moment" // a version or a time
	KindVersion     Kind = "version"
	KindGranularity Kind = "granularity"
	KindOrder       Kind = "order"
	KindLimit       Kind = "limit"
	KindCursor      Kind = "cursor"
	KindDigest      Kind = "digest"      // SHA-256, 64 hex digits
	KindDeadLetter  Kind = "dead_letter" // <projection>-<partition>-<offset>

	KindPlatformName Kind = "platform name"
)

// metaBrief selects a meta without sources.
const metaBrief = "brief"

const (
	exampleAccount = "c10000000000000000000001"
	exampleUser    = "a11ce0000000000000000000"
	exampleStart   = "2026-01-01"
	exampleEnd     = "2026-01-31"
	notAUser       = "is not a user id: use 24 hex digits"
)

var (
	paramStartTime = Param{
		Name: "startTime", Kind: KindTime, Text: rangeStart, Default: beforeEnd, Example: exampleStart,
	}
	paramEndTime  = Param{Name: "endTime", Kind: KindTime, Text: rangeEnd, Default: endOfToday, Example: exampleEnd}
	paramFromDate = Param{
		Name: "fromDate", Kind: KindTime, Text: rangeStart, Default: beforeEnd, Example: exampleStart,
	}
	paramToDate = Param{Name: "toDate", Kind: KindTime, Text: rangeEnd, Default: endOfToday, Example: exampleEnd}
	paramZone   = Param{
		Name: "tz", Kind: KindZone, Text: "Time zone in which days, weeks and months start: an IANA name such as Europe/Berlin.",
		Example: "Europe/Berlin",
	}
	paramGranularity = Param{
		Name: "granularity", Kind: KindGranularity, Example: "week", Words: []string{"day", "week", "month"},
		wrong: "is not a granularity: use day, week or month",
		Text:  "Interval of the series: day, week (starting on Monday) or month, in the time zone.",
	}
	paramPlatform = Param{
		Name: "pId", Kind: KindPlatform,
		Text:    "Platform: " + domain.PlatformNumbers() + "; 0 or all for all platforms.",
		Default: "all platforms",
		Example: "all",
	}
	paramCategory = Param{
		Name: "cId", Kind: KindCategory, Text: "Number of the category of posts; 0 or all for all categories.",
		Default: "all categories", Example: "0",
	}
	paramCursor = Param{
		Name: "cursor", Kind: KindCursor, Default: "the first page",
		Text: "Cursor of the next page: meta.next_cursor of the previous page. Keep all other parameters except limit " +
			"unchanged: a cursor from a different request or caller returns 400.",
	}
	paramLimit   = Param{Name: "limit", Kind: KindLimit, Text: "Maximum number of entries per page, or per ranking: 1 to 500.", Example: 50}
	paramAccount = Param{
		Name: "account", Kind: KindAccounts,
		Text: "Limits the result to up to 100 accounts, separated by commas. Each is an id (24 hex digits) or a row id " +
			"(a positive integer). If one of them is unknown, the response is 404.",
		Default: "all accounts that the caller may see", Example: exampleAccount,
	}
	paramBoard = Param{
		Name: "dashboard", Kind: KindHexID, Example: exampleAccount,
		Text: "Limits the result to the accounts that are linked in the dashboard of this sub-account: 24 hex digits. " +
			"Agency staff can use a closed dashboard; meta.clients_see reports its state. For a client user who may not " +
			"open the dashboard, the response is 404. A missing dashboard is not created.",
	}
	paramAccountID = Param{
		Name: "accountId", Kind: KindAccount, Text: "The account, by its id (24 hex digits) or its row id (a positive integer).", Example: "11",
	}
	paramMember = Param{Name: "memberId", Kind: KindRowID, Text: "The member's id: a positive integer.", Example: 7}
	paramMeta   = Param{
		Name: "meta", Kind: KindWord, Words: []string{metaBrief}, wrong: "must be %s; leave it out for the full meta",
		Default: "a source for every social account",
		Text:    "Level of detail of meta: brief leaves out the sources. The parameter applies to JSON only; with CSV, the response is 400.",
		Example: metaBrief,
	}
	// The words of paramTable are the tables of the response; each operation sets them.
	paramTable = Param{
		Name: "table", Kind: KindWord, wrong: "is not a table of this response: use %s",
		Default: "all tables of the data, distinguished by the column table",
		Text: "Returns one table as CSV, even without Accept: text/csv, so that a link can download it. The table " +
			"meta.sources explains for every social account why a cell is empty. The response is 400 if Accept contains " +
			"application/json and does not prefer text/csv.",
	}
	paramSpreadsheet = Param{
		Name: "for", Kind: KindWord, Words: []string{"spreadsheet"}, wrong: "must be %s; leave it out for programs",
		Default: "CSV for programs", Example: "spreadsheet",
		Text: "Returns CSV for a spreadsheet, even without Accept: text/csv: it starts with a byte order mark, and texts " +
			"are quoted. An apostrophe precedes texts that would become a number, a time or a formula, and numbers of more " +
			"than 15 digits.",
	}

	paramUserID = Param{
		Name: "userId", Kind: KindHexID, Text: "The user's id: 24 hex digits.", Example: exampleUser,
		wrong: notAUser,
	}
	paramPlatformID = Param{
		Name: "platformId", Kind: KindRowID, Text: "The connected profile or page, by its id: a positive integer.", Example: 70,
	}
	paramActivityID = Param{
		Name: "activityId", Kind: KindActivity, Text: "The activity's id: <connected account>:<the platform's id of the post>.", Example: "70:104_77",
	}
	paramOwner    = Param{Name: "memberId", Kind: KindRowID, Text: "Limits the result to the connections of the member with this id.", Example: 7}
	paramSearch   = Param{Name: "q", Kind: KindText, Text: "Part of the name or email address, ignoring case in every script."}
	paramUserRole = Param{Name: "role", Kind: KindText, Text: "Only users with this role, as named by the main application, ignoring case."}
	paramActive   = Param{
		Name: "active", Kind: KindWord, Words: []string{"true", "false"},
		Text: "Only those that are active (true) or inactive (false).",
	}
	paramOfUser = Param{
		Name: "userId", Kind: KindHexID, Text: "Only members of this user: 24 hex digits.", Example: exampleUser,
	}
	paramExists = Param{
		Name: "exists", Kind: KindWord, Words: []string{"true", "false"},
		Text: "Only clients with (true) or without (false) a dashboard.",
	}
	paramPostType      = Param{Name: "type", Kind: KindText, Text: "Only posts of this type: post, photo, video, reel, story, carousel or ad."}
	paramActivityState = Param{
		Name: "state", Kind: KindWord, Words: texts(analytics.ActivityStates()),
		Default: string(analytics.ActivityPublished),
		Example: string(analytics.ActivityScheduled),
		Text: "State of the activity: published, newest first; or scheduled, the posts that are scheduled in the content " +
			"planner and not yet published, next one first. A range applies to the time of publication or the scheduled time.",
	}
	paramStatus = Param{Name: "status", Kind: KindWord, Words: texts(domain.PageStatuses()), Text: "Only connected accounts with this status."}
)

var (
	paramDashboard = Param{
		Name: "sub_account_id", Kind: KindHexID, Text: "The sub-account of the dashboard: 24 hex digits.",
		Example: exampleAccount,
		wrong:   "is not an account id: use 24 hex digits",
	}
	paramChanges = Param{
		Name: "type", Kind: KindChanges, Text: "Types of changes, separated by commas: short names (accounts_linked) or full names.",
	}
	paramActor = Param{
		Name: "actor", Kind: KindActor, Text: "Only entries of this actor: a user's id (24 hex digits), part of a person's name, or a " +
			"system name such as system:fetcher.",
	}
	paramChangedUser = Param{
		Name: "user", Kind: KindActor,
		Text: "Only changes that affect what this user can see: changes to a list that contains the user, and to the " +
			"state, scopes or linked accounts of that list's dashboards. A user's id (24 hex digits) or part of a name.",
	}
	paramChangedAccount = Param{
		Name: "account", Kind: KindHexID, Text: "Only changes to this account's links: 24 hex digits.",
		Example: exampleAccount,
	}
	paramNamed = Param{
		Name: "q", Kind: KindText, Text: "Only changes where this text is part of a name: of the actor, of a user whose " +
			"access changed, or of the client. Names are those in the current directory.",
	}
	paramOnlyDashboard = Param{
		Name: "dashboard", Kind: KindHexID, Text: "Only the dashboard of this sub-account: 24 hex digits.",
	}
	paramFrom = Param{
		Name: "from", Kind: KindTime, Text: "Start of the range: " + timeForms, Default: "unbounded",
		Example: exampleStart,
	}
	paramTo = Param{
		Name: "to", Kind: KindTime, Text: "End of the range: " + timeForms, Default: "unbounded",
		Example: exampleEnd,
	}
	paramOrder = Param{
		Name: "order", Kind: KindOrder, Text: "asc for oldest first, desc for newest first.",
		Words: []string{"asc", "desc"}, Default: "desc", wrong: "is not an order: use asc or desc",
	}
	paramFormat = Param{
		Name: "format", Kind: KindWord, Text: "Format of the file: csv or jsonl.", Required: true, Example: "csv",
		Words: []string{"csv", "jsonl"}, wrong: "is not a format: use csv or jsonl",
	}
	paramFromMoment = Param{
		Name: "from", Kind: KindMoment, Required: true, Example: exampleStart,
		Text: "The earlier point in the history: a version (v12, or a number below 100,000,000) or a time.",
	}
	paramToMoment = Param{
		Name: "to", Kind: KindMoment, Default: "now", Example: exampleEnd,
		Text: "The later point in the history: a version (v12, or a number below 100,000,000) or a time.",
	}
	paramAt = Param{
		Name: "at", Kind: KindMoment, Default: "now",
		Text: "The instant: YYYY-MM-DD (its end), RFC 3339, or Unix seconds or milliseconds.",
	}
	paramVersion    = Param{Name: "version", Kind: KindVersion, Text: "Version of the history, instead of at."}
	paramAccessUser = Param{
		Name: "user_id", Kind: KindHexID, Text: "The user: 24 hex digits.", Required: true, Example: exampleUser,
	}
	paramSpanAt = Param{
		Name: "at", Kind: KindMoment, Default: "now",
		Text: "The instant: YYYY-MM-DD (its end), RFC 3339, Unix seconds or milliseconds, or a version (v12, or a number " +
			"below 100,000,000). Cannot be combined with from and to.",
	}
	paramSpanUser = Param{
		Name: "user_id", Kind: KindHexID, Text: "Only this user: 24 hex digits.", Default: "all users",
		Example: exampleUser,
	}
	paramCheckpoint = Param{
		Name: "checkpoint", Kind: KindText, Default: "the newest checkpoint",
		Text:    "The id of the checkpoint that the bundle leads to, as the list of checkpoints shows it.",
		Example: "5c1b0c6d3f0a94f6a7a1a0be3d1c0d6c0f1f3b7f7f6de94cc4b7ec9a0ad14c52",
	}
	paramSpanBy = Param{
		Name: "by", Kind: KindWord, Words: []string{spansByDashboard, spansByUser}, wrong: "is not a sort key: use dashboard or user",
		Text: "Primary sort key of the entries.", Default: spansByDashboard, Example: spansByUser,
	}
)

var (
	paramIfNoneMatch = Param{
		Name: headerIfNoneMatch, Header: true, Kind: KindText, Text: "The ETag of a response that the caller has.",
	}
	paramIfMatch = Param{
		Name: headerIfMatch, Header: true, Kind: KindTags,
		Text: "The change is made only if the dashboard still has this ETag, weak (as compressing proxies make it) or not.",
	}
	paramIfPreview = Param{
		Name: headerIfPreview, Header: true, Kind: KindDigest,
		Text: "The change is made only if it does exactly what a preview showed: send the value of preview from that response.",
	}
	paramIdempotency = Param{
		Name: headerIdempotency, Header: true, Kind: KindKey,
		Text: "A key of 1 to 255 printable ASCII characters. A request with the same key within 24 hours returns the first response.",
	}
	paramLastEvent = Param{
		Name: headerLastEventID, Header: true, Kind: KindText,
		Text: "The id of the last event that the caller received.",
	}
	paramLastEventQuery = Param{
		Name: "last_event_id", Kind: KindText, Text: "Same as the Last-Event-ID header, which takes precedence. lastEventId, which " +
			"polyfills of EventSource send, is the same parameter, both in any case. Of several values, the last counts.",
	}
	paramFor = Param{
		Name: "for", Kind: KindWord, Words: []string{"reads", "writes"}, Default: "reads", Example: "writes",
		Text: "What to check: reads, whether reads can be served; writes, whether changes can succeed.",
	}
	paramTicket = Param{
		Name: "ticket", Kind: KindText, Text: "A ticket for this stream instead of the Authorization header.",
	}
	paramTicketPath = Param{
		Name: "path", Kind: KindWord, Words: []string{patternNotices, patternLive}, Default: patternNotices,
		Example: patternLive,
		Text:    "The stream that the ticket opens.", wrong: "is not a stream that accepts tickets: use %s",
	}
)
