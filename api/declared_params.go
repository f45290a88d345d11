package api

import (
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// Param is a declared parameter: [Params] reads by the declaration, and the API document shows it.
type Param struct {
	Name    string
	Kind    Kind
	Text    string // what it is, as the API document says it
	Default string // what it means when it is absent; "" where nothing follows from that
	// Required is for the query; a parameter that the path names is always required.
	Required bool
	Header   bool     // it is a header; else it stands in the path where the pattern names it, and in the query
	Words    []string // all that it takes
	Example  any

	wrong string // what is said of another value; %s: all words
}

func (d Param) same(other Param) bool { return d.Name == other.Name }

// Kind is what a parameter takes; the API document has one schema for each.
type Kind string

// The kinds of parameters.
const (
	KindText        Kind = "text"
	KindWord        Kind = "word"     // one of a few words
	KindHexID       Kind = "hex id"   // 24 hex digits
	KindRowID       Kind = "row id"   // a positive integer
	KindAccount     Kind = "account"  // either of these ids
	KindAccounts    Kind = "accounts" // some of either, separated by commas
	KindActivity    Kind = "activity" // <connected account>:<the platform's id of the post>
	KindPlatform    Kind = "platform" // a platform's number, or all
	KindCategory    Kind = "category" // a category's number, or all
	KindActor       Kind = "actor"
	KindKey         Kind = "key"     // of a request that may be repeated
	KindTags        Kind = "tags"    // entity tags, or *
	KindChanges     Kind = "changes" // types of changes, separated by commas
	KindTime        Kind = "time"    // a day, an instant, or Unix seconds or milliseconds
	KindZone        Kind = "zone"
	KindMoment      Kind = "moment" // a version or a time
	KindVersion     Kind = "version"
	KindGranularity Kind = "granularity"
	KindOrder       Kind = "order"
	KindFormat      Kind = "format" // of an export
	KindLimit       Kind = "limit"
	KindCursor      Kind = "cursor"
	KindDigest      Kind = "digest" // SHA-256, 64 hex digits
	KindParked      Kind = "parked" // <projection>-<partition>-<offset>
)

// metaBrief is the form of meta that is shorter than the whole.
const metaBrief = "brief"

const (
	exampleAccount = "c10000000000000000000001"
	exampleUser    = "a11ce0000000000000000000"
	exampleStart   = "2026-01-01"
	exampleEnd     = "2026-01-31"
	notAUser       = "is not a user id: use 24 hex digits"
)

// The parameters of figures and entities.
var (
	paramStartTime = Param{Name: "startTime", Kind: KindTime, Text: rangeStart, Default: beforeEnd, Example: exampleStart}
	paramEndTime   = Param{Name: "endTime", Kind: KindTime, Text: rangeEnd, Default: endOfToday, Example: exampleEnd}
	paramFromDate  = Param{Name: "fromDate", Kind: KindTime, Text: rangeStart, Default: beforeEnd, Example: exampleStart}
	paramToDate    = Param{Name: "toDate", Kind: KindTime, Text: rangeEnd, Default: endOfToday, Example: exampleEnd}
	paramZone      = Param{
		Name: "tz", Kind: KindZone, Text: "Time zone in which days, weeks and months begin: an IANA name like Europe/Berlin.",
		Example: "Europe/Berlin",
	}
	paramGranularity = Param{
		Name: "granularity", Kind: KindGranularity, Example: "week", Words: []string{"day", "week", "month"},
		wrong: "is not a granularity: use day, week or month",
		Text:  "Length of the parts of the series: day, week (from Monday on) or month, in the time zone.",
	}
	paramPlatform = Param{
		Name: "pId", Kind: KindPlatform, Text: "Platform: " + domain.PlatformNumbers() + "; 0 or all for all four.",
		Default: "all four",
		Example: "all",
	}
	paramCategory = Param{
		Name: "cId", Kind: KindCategory, Text: "Category of posts: its number; 0 or all for all of them.", Default: "all of them", Example: "0",
	}
	paramCursor = Param{
		Name: "cursor", Kind: KindCursor, Default: "the first page",
		Text: "Continues after a page: its meta.next_cursor. Leave every other parameter but limit as it was for that page: a " +
			"cursor of another " +
			"request or caller is a 400.",
	}
	paramLimit   = Param{Name: "limit", Kind: KindLimit, Text: "Entries of a page, or of each ranking: 1 to 500.", Example: 50}
	paramAccount = Param{
		Name: "account", Kind: KindAccounts,
		Text: "Narrows to one account, by its id (24 hex digits) or its row id (a positive integer); or to up to 100 of them, " +
			"separated by commas. If one of them is unknown, the answer is 404.",
		Default: "all that the caller may see", Example: exampleAccount,
	}
	paramBoard = Param{
		Name: "dashboard", Kind: KindHexID, Example: exampleAccount,
		Text: "Narrows to the accounts that are linked in the dashboard of this sub-account: 24 hex digits. Agency staff may ask also while it is " +
			"closed: meta.clients_see says so. To a client user who may not open it, it does not exist. It is not created.",
	}
	paramAccountID = Param{
		Name: "accountId", Kind: KindAccount, Text: "The account, by its id (24 hex digits) or its row id (a positive integer).", Example: "11",
	}
	paramMember = Param{Name: "memberId", Kind: KindRowID, Text: "Member, by the main application's id: a positive integer.", Example: 7}
	paramMeta   = Param{
		Name: "meta", Kind: KindWord, Words: []string{metaBrief}, wrong: "is no form of meta: use %s, or leave it out",
		Default: "a source for every social account",
		Text:    "How much an answer says of where figures come from: brief leaves out the sources. It is for JSON: 400 with CSV.",
		Example: metaBrief,
	}
	// paramTable has as words the tables of the answer.
	paramTable = Param{
		Name: "table", Kind: KindWord, wrong: "is not a table of this answer: use %s",
		Default: "all tables of the data; the column table names them",
		Text: "The one table to answer, as CSV, also for a link, which sends no Accept: text/csv. meta.sources says for every social account why a " +
			"cell is empty. 400 where Accept names application/json and does not prefer text/csv.",
	}

	paramUserID     = Param{Name: "userId", Kind: KindHexID, Text: "User: 24 hex digits.", Example: exampleUser, wrong: notAUser}
	paramPlatformID = Param{
		Name: "platformId", Kind: KindRowID, Text: "Connected profile or page, by the main application's id: a positive integer.", Example: 70,
	}
	paramActivityID = Param{
		Name: "activityId", Kind: KindActivity, Text: "Activity: <connected account>:<the platform's id of the post>.", Example: "70:104_77",
	}
	paramOwner         = Param{Name: "memberId", Kind: KindRowID, Text: "Member who owns the connection.", Example: 7}
	paramConnection    = Param{Name: "platformId", Kind: KindRowID, Text: "Connected account.", Example: 70}
	paramSearch        = Param{Name: "q", Kind: KindText, Text: "Part of the name or e-mail address, whatever its case."}
	paramUserRole      = Param{Name: "role", Kind: KindText, Text: "Role, as the main application names it."}
	paramUserActive    = Param{Name: "active", Kind: KindWord, Words: []string{"true", "false"}, Text: "Whether the user is active."}
	paramOfUser        = Param{Name: "userId", Kind: KindHexID, Text: "User who the member is: 24 hex digits.", Example: exampleUser}
	paramExists        = Param{Name: "exists", Kind: KindWord, Words: []string{"true", "false"}, Text: "Whether there is a dashboard already."}
	paramAccountActive = Param{Name: "active", Kind: KindWord, Words: []string{"true", "false"}, Text: "Whether the account is active."}
	paramMemberActive  = Param{Name: "active", Kind: KindWord, Words: []string{"true", "false"}, Text: "Whether the member is active."}
	paramPostType      = Param{Name: "type", Kind: KindText, Text: "Type of post: post, photo, video, reel, story, carousel, ad."}
	paramActivityState = Param{
		Name: "state", Kind: KindWord, Words: texts(analytics.ActivityStates()), Default: string(analytics.ActivityPublished),
		Example: string(analytics.ActivityScheduled),
		Text: "State of the activity: published, newest first; or scheduled, what the content planner holds with a time and has not published yet, " +
			"the next one first. A range is of the time of publication, or of the time that it is scheduled for.",
	}
	paramState = Param{Name: "state", Kind: KindWord, Words: texts(readmodels.PlatformStates()), Text: "State of the connected account."}
)

// The parameters of dashboards and auditors.
var (
	paramDashboard = Param{
		Name: "sub_account_id", Kind: KindHexID, Text: "The sub-account whose dashboard it is: 24 hex digits.", Example: exampleAccount,
		wrong: "is not an account id: use 24 hex digits",
	}
	paramChanges = Param{
		Name: "type", Kind: KindChanges, Text: "Types of changes, separated by commas: short (accounts_linked) or whole names.",
	}
	paramActor = Param{
		Name: "actor", Kind: KindActor, Text: "Who did it: a user's id (24 hex digits), part of a person's name, or a name of the program's own like system:fetcher.",
	}
	paramChangedUser    = Param{Name: "user", Kind: KindActor, Text: "Only changes of this user's access: an id of 24 hex digits, or part of a name."}
	paramChangedAccount = Param{
		Name: "account", Kind: KindHexID, Text: "Only changes of this account's links: 24 hex digits.", Example: exampleAccount,
	}
	paramNamed = Param{
		Name: "q", Kind: KindText, Text: "Only changes where part of a name is this text: who did it, whose access was changed, or the client. " +
			"Names are those of the directory today.",
	}
	paramOnlyDashboard = Param{Name: "dashboard", Kind: KindHexID, Text: "Only this dashboard: its sub-account's id, 24 hex digits."}
	paramFrom          = Param{Name: "from", Kind: KindTime, Text: "Start of the range: " + timeForms, Default: "open", Example: exampleStart}
	paramTo            = Param{Name: "to", Kind: KindTime, Text: "End of the range: " + timeForms, Default: "open", Example: exampleEnd}
	paramOrder         = Param{
		Name: "order", Kind: KindOrder, Text: "Oldest or newest first.", Words: []string{"asc", "desc"},
		wrong: "is not an order: use asc or desc",
	}
	paramFormat = Param{
		Name: "format", Kind: KindFormat, Text: "Format of the file.", Required: true, Example: "csv", Words: []string{"csv", "jsonl"},
		wrong: "is not a format: use csv or jsonl",
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
	paramVersion    = Param{Name: "version", Kind: KindVersion, Text: "The version, instead of at."}
	paramAccessUser = Param{Name: "user_id", Kind: KindHexID, Text: "The user: 24 hex digits.", Required: true, Example: exampleUser}
	paramSpanAt     = Param{
		Name: "at", Kind: KindMoment, Default: "now",
		Text: "The instant: YYYY-MM-DD (its end), RFC 3339, Unix seconds or milliseconds, or a version (v12, or a number below 100,000,000). " +
			"Without from and to.",
	}
	paramSpanUser = Param{Name: "user_id", Kind: KindHexID, Text: "Only this user: 24 hex digits.", Default: "everybody", Example: exampleUser}
	paramSpanBy   = Param{
		Name: "by", Kind: KindWord, Words: []string{spansByDashboard, spansByUser}, wrong: "is no order of access: use dashboard or user",
		Text: "What the entries are ordered by first.", Default: spansByDashboard, Example: spansByUser,
	}

	paramHistoryCursor = Param{
		Name: "cursor", Kind: KindCursor, Default: "the first page",
		Text: "Continues behind an entry: meta.next_cursor of a page of a history, or next_cursor in the last line of an export. Histories of the " +
			"agency and of its dashboards and exports go on from each other's, also with other filters; in the other order it leads back.",
	}
)

// Headers of requests, and what streams take in the query.
var (
	paramIfNoneMatch = Param{
		Name: headerIfNoneMatch, Header: true, Kind: KindText, Text: "The ETag of an answer that the caller has.",
	}
	paramIfMatch = Param{
		Name: headerIfMatch, Header: true, Kind: KindTags, Text: "Changes the dashboard only if it still has this ETag.",
	}
	paramIfPreview = Param{
		Name: headerIfPreview, Header: true, Kind: KindDigest,
		Text: "Changes the dashboard only if that does exactly what a preview showed: its member preview.",
	}
	paramIdempotency = Param{
		Name: headerIdempotency, Header: true, Kind: KindKey,
		Text: "1 to 255 printable ASCII characters. A repetition within 24 hours gets the first answer again.",
	}
	paramLastEvent = Param{
		Name: headerLastEventID, Header: true, Kind: KindText, Text: "The last id that the caller received.",
	}
	paramLastEventQuery = Param{Name: "last_event_id", Kind: KindText, Text: "As the header Last-Event-ID, which wins."}
	paramFor            = Param{
		Name: "for", Kind: KindWord, Words: []string{"reads", "writes"}, Default: "reads", Example: "writes",
		Text: "What the caller wants to know of: whether reads can be served, or whether changes can succeed.",
	}
	paramTicket = Param{
		Name: "ticket", Kind: KindText, Text: "A ticket for this stream instead of the Authorization header.",
	}
	paramTicketPath = Param{
		Name: "path", Kind: KindWord, Words: []string{patternNotices, patternLive}, Default: patternNotices, Example: patternLive,
		Text: "The stream that the ticket opens.", wrong: "is no stream that takes tickets: use %s",
	}
)

func texts[S ~string](words []S) []string {
	out := make([]string, len(words))
	for i, word := range words {
		out[i] = string(word)
	}
	return out
}
