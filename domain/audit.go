package domain

// What an auditor may read; values of [AuditRead].What.
const (
	AuditHistory = "history" // of one dashboard, or of all of an agency
	AuditState   = "state"
	AuditDiff    = "diff"
	AuditAccess  = "access"
	// AuditAsUser is a look, with a client user's eyes, at what that user sees in the console; the filter names the user.
	AuditAsUser = "as_user"
)

// FormatBundle is the format of proof bundles; a value of [AuditExported].Format.
const FormatBundle = "bundle"

// AuditTypePrefix is what the types of all events about reading the audit trail begin with.
const AuditTypePrefix = "audit."

// AuditRead says that someone read the audit trail. Who, in which role and by which request stands in
// the envelope. It is appended on `operations` under the agency's key before anything is shown.
type AuditRead struct {
	What      string      `json:"what"`                // one of the Audit… constants
	Dashboard string      `json:"dashboard,omitempty"` // sub-account; "" for all of the agency
	AsOf      int64       `json:"as_of_version"`       // version of the stream that the answer stands for; 0 where it was not known yet
	Filter    AuditFilter `json:"filter,omitzero"`
}

// AuditExported says that someone exported the audit trail; appended as [AuditRead] is.
type AuditExported struct {
	Format    string      `json:"format"`              // csv, jsonl or FormatBundle
	What      string      `json:"what,omitempty"`      // AuditHistory or AuditAccess; "" in old records: the history
	Dashboard string      `json:"dashboard,omitempty"` // sub-account; "" for all of the agency
	AsOf      int64       `json:"as_of_version"`
	Filter    AuditFilter `json:"filter,omitzero"`
}

// AuditFilter is what was asked for. It holds ids of people and accounts, never names.
type AuditFilter struct {
	ByName  bool     `json:"by_name,omitempty"` // part of a name was searched for, which is not recorded
	Types   []string `json:"types,omitempty"`
	Actor   string   `json:"actor,omitempty"`
	User    string   `json:"user,omitempty"`
	Account string   `json:"account,omitempty"`
	At      string   `json:"at,omitempty"`    // an instant (RFC 3339) or a version ("v12")
	From    string   `json:"from,omitempty"`  // likewise
	To      string   `json:"to,omitempty"`    // likewise
	Order   string   `json:"order,omitempty"` // asc or desc; of access: user, else by dashboard
	Limit   int      `json:"limit,omitempty"`
	Cursor  string   `json:"cursor,omitempty"`
}

// PersonErased says that an operator erased a person from the directory. It holds ids only.
type PersonErased struct {
	Order ErasureOrder `json:"order,omitzero"` // of an erasure that was repeated after a restore the reason alone

	User        string  `json:"user,omitempty"` // "" for a member who is no user
	Members     []int64 `json:"members,omitempty"`
	Sessions    int     `json:"sessions"`
	Connections []int64 `json:"connections,omitempty"`
	Profiles    []int64 `json:"profiles,omitempty"`        // social accounts that were the person's own
	Pages       []int64 `json:"pages,omitempty"`           // social accounts that lost their connection
	Named       []int64 `json:"social_accounts,omitempty"` // further social accounts that were named
	Contents    int     `json:"contents,omitempty"`        // texts of posts of both

	Accounts []AccountOwner `json:"accounts,omitempty"` // owners of profiles and named social accounts, as far as known
}

// Validate checks what a reader of the trail relies on.
func (e PersonErased) Validate() error {
	if e.Order == (ErasureOrder{Reason: e.Order.Reason}) {
		return nil
	}
	return e.Order.Validate()
}

// EventType implements [Data].
func (AuditRead) EventType() string { return "audit.read.v1" }

// EventType implements [Data].
func (AuditExported) EventType() string { return "audit.exported.v1" }

// EventType implements [Data].
func (PersonErased) EventType() string { return "operations.person_erased.v1" }

// Validate checks what a reader of the trail relies on.
func (e AuditRead) Validate() error { return checkLengths(e.Dashboard) }

// Validate checks what a reader of the trail relies on.
func (e AuditExported) Validate() error { return checkLengths(e.Dashboard) }

// CheckpointSigned records, on `operations` under the key of all agencies, a signed statement about all of
// `dashboards` up to a position. The note alone is evidence; `size` and `positions` repeat what it says for
// readers that do not parse it. It names no agency.
type CheckpointSigned struct {
	Size      int64   `json:"size"`      // effective records that the checkpoint covers
	Positions []int64 `json:"positions"` // next offset by partition
	Note      string  `json:"note"`      // text and signature as golang.org/x/mod/sumdb/note has them
}

// EventType implements [Data].
func (CheckpointSigned) EventType() string { return "operations.checkpoint_signed.v1" }
