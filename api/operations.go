package api

import (
	"net/http"
	"reflect"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// What the API document says of the operations that are not analytics.
var (
	aboutHealth = about{
		tag: tagService, summary: "Says that the process serves.",
		text:    "Whether it can do its work is /readyz.",
		answers: []answerDoc{{status: http.StatusOK, text: "It serves.", media: mediaJSON, body: reflect.TypeFor[healthBody]()}},
	}
	aboutReady = about{
		tag: tagService, summary: "Says whether the service can do its work, and what keeps it from it.",
		answers: []answerDoc{
			{status: http.StatusOK, text: "It can.", media: mediaJSON, body: reflect.TypeFor[healthBody]()},
			{status: http.StatusServiceUnavailable, text: "It cannot; the checks say why.", media: mediaJSON, body: reflect.TypeFor[healthBody](), headers: []string{headerRetryAfter}},
		},
	}
	aboutMetrics = about{
		tag: tagService, summary: "Metrics for Prometheus.",
		answers: []answerDoc{{status: http.StatusOK, text: "In the text format that the scraper asks for.", media: mediaText}},
	}

	aboutOpenAPI = about{
		tag: tagService, summary: "This document.",
		answers: []answerDoc{{status: http.StatusOK, text: "OpenAPI 3.1.", media: mediaJSON}},
	}

	aboutAsyncAPI = about{
		tag: tagService, summary: "The topics of the log and the streams, described.",
		answers: []answerDoc{{status: http.StatusOK, text: "AsyncAPI 3.", media: mediaJSON}},
	}

	aboutGetDashboard = about{
		tag: tagDashboards, summary: "The dashboard of a sub-account.",
		text:    "An agency's first request creates a missing dashboard. A client sees its own and linked ones, when they are open to it.",
		parse:   noteDashboard,
		answers: answersJSON(enveloped(reflect.TypeFor[[]readmodels.DashboardView](), nil), headerETag),
		refuses: []domain.Code{domain.CodeConflict},
	}
	aboutPutDashboard = about{
		tag: tagDashboards, summary: "Changes a dashboard and those linked with it, all or nothing.",
		text:  "Absent members keep their value; unknown ones are ignored. A change that changes nothing is done and recorded nowhere.",
		parse: noteDashboard, body: reflect.TypeFor[updateBody](),
		headers: []param{
			{name: "If-Match", text: "Does it only if the dashboard still has this ETag.", schema: schema{Type: typeString}},
			{name: "Idempotency-Key", text: "1 to 255 printable characters. A repetition within 24 hours gives the first answer again.", schema: schema{Type: typeString}},
		},
		answers: answersJSON(enveloped(reflect.TypeFor[domain.Dashboard](), nil), headerETag, headerReplayed),
		refuses: []domain.Code{
			domain.CodeConflict, domain.CodePreconditionFailed, domain.CodeTooLarge, codeUnsupportedMediaType, domain.CodeUnprocessable,
		},
	}

	aboutState = about{
		tag: tagAudit, summary: "What a dashboard was at an instant or version.",
		parse:   func(p *Params) { noteDashboard(p); p.oneMoment(); p.Zone() },
		answers: answersJSON(audited(reflect.TypeFor[readmodels.StateAnswer]())),
	}
	aboutDiff = about{
		tag: tagAudit, summary: "What changed on a dashboard between two instants or versions.",
		parse: func(p *Params) {
			noteDashboard(p)
			p.required("from")
			p.moment("from", true)
			p.moment("to", false)
			p.Zone()
		},
		answers: answersJSON(audited(reflect.TypeFor[readmodels.DiffAnswer]())),
	}
	aboutAccess = about{
		tag: tagAudit, summary: "Whether a user had access to a dashboard at a time, and which records decided that.",
		parse: func(p *Params) {
			noteDashboard(p)
			p.required("user_id")
			p.hex("user_id")
			p.oneMoment()
			p.Zone()
		},
		answers: answersJSON(audited(reflect.TypeFor[readmodels.AccessAnswer]())),
	}
	aboutReads = about{
		tag: tagAudit, summary: "Who read or exported the audit trail, newest first.",
		parse: func(p *Params) {
			p.Page()
			p.actor("actor")
			p.edge("from", 0)
			p.edge("to", 1)
			p.Zone()
		},
		answers: answersJSON(enveloped(reflect.TypeFor[[]readmodels.AuditReadEntry](), reflect.TypeFor[readmodels.ListMeta]())),
	}
	aboutExport = about{
		tag: tagAudit, summary: "The history as a file, oldest change first.",
		text: "The last line says whether the file is complete, and where to go on when it is not. Cells that begin like a formula get an apostrophe.",
		parse: func(p *Params) {
			p.note("format", "Format of the file.", schema{Type: typeString, Enum: []any{"csv", "jsonl"}})
			p.noteRequired("format")
			p.historyQuery()
			p.note("dashboard", "Only this dashboard: its sub-account's id.", schema{Type: typeString, Pattern: "^[0-9a-fA-F]{24}$"})
			p.Zone()
		},
		answers: []answerDoc{
			{status: http.StatusOK, text: "The file.", media: mediaCSV, headers: []string{headerDisposition}},
			{status: http.StatusOK, text: "The file.", media: mediaNDJSON, headers: []string{headerDisposition}},
		},
	}

	aboutNotices = about{
		tag: tagStreams, summary: "The caller's notices as Server-Sent Events.",
		text:    "Event client_access_removed; see the AsyncAPI document. The stream goes on after Last-Event-ID, and without one begins at the newest notice.",
		parse:   noteStream,
		headers: []param{{name: headerLastEventID, text: "The last id that was received.", schema: schema{Type: typeString}}},
		answers: []answerDoc{{status: http.StatusOK, text: "The stream.", media: mediaEventStream}},
		refuses: streamRefusals,
	}
	aboutTicket = about{
		tag: tagStreams, summary: "A one-time ticket for an EventSource, which cannot send headers.",
		answers: answersJSON(enveloped(reflect.TypeFor[ticketBody](), nil)),
	}
	aboutSocketIO = about{
		tag: tagStreams, summary: "Socket.IO v4 (Engine.IO protocol 4).",
		text: "For the stock client, with the token in auth.token or a Bearer header; event client_access_removed.",
		answers: []answerDoc{
			{status: http.StatusOK, text: "Packets of Engine.IO.", media: mediaText},
			{status: http.StatusBadRequest, text: "No packet of Engine.IO.", media: mediaJSON},
		},
	}
)

var streamRefusals = []domain.Code{
	domain.CodeInvalid, domain.CodeUnauthenticated, domain.CodeForbidden, domain.CodeNotFound, domain.CodeRateLimited, domain.CodeUnavailable,
}

// aboutHistory describes the two histories; path notes what stands in the path.
func aboutHistory(summary string, path func(*Params)) about {
	return about{
		tag: tagAudit, summary: summary,
		parse:   func(p *Params) { path(p); p.historyQuery(); p.Zone() },
		answers: answersJSON(audited(reflect.TypeFor[[]readmodels.HistoryEntry]())),
	}
}

// audited is the type of an auditor's answer.
func audited(data reflect.Type) reflect.Type {
	return enveloped(data, reflect.TypeFor[readmodels.HistoryMeta]())
}

func noteDashboard(p *Params) {
	p.note("id", "The sub-account whose dashboard it is: 24 hex digits.", schema{Type: typeString, Pattern: "^[0-9a-fA-F]{24}$"})
}

func noteStream(p *Params) {
	p.note("ticket", "A one-time ticket instead of the Authorization header.", schema{Type: typeString})
	p.note("last_event_id", "As the header Last-Event-ID, which wins.", schema{Type: typeString})
}

// updateBody is the body of a PUT. Each member may be left out, and none may be null.
type updateBody struct {
	// AllowClientDashboard opens the dashboards to their clients.
	AllowClientDashboard bool `json:"allow_client_dashboard,omitempty"`
	// SubAccountIDs are accounts to link; with unlink, exactly those that stay linked. 24 hex digits each.
	SubAccountIDs []string `json:"sub_account_ids,omitempty"`
	// Users become the list of every linked dashboard. 24 hex digits each.
	Users []string `json:"users,omitempty"`
	// Scopes become those of every linked dashboard.
	Scopes []string `json:"scopes,omitempty"`
	// Unlink makes sub_account_ids the whole linked set, which otherwise only grows.
	Unlink bool `json:"unlink,omitempty"`
}
