package apidoc

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/ledgerboard/ledgerboard/api"
)

// exampleBody returns an example of the request body.
func exampleBody(op api.Operation) string {
	switch {
	case op.ID == "postDirectory":
		return `{"type":"directory.category.v1","updated_at":"2026-11-21T08:00:00Z","data":{"id":7,"name":"Events"}}` + "\n" +
			`{"type":"directory.session.v1","id":"5e55","erase":true,"updated_at":"2026-11-21T08:00:00Z"}`
	case op.ID == "postAccounts":
		return `{"name":"Corner Bakery","email":"office@bakery.example.com"}`
	case op.ID == "putAccountsTimeZone":
		return `{"time_zone":"Europe/Berlin"}`
	case op.ID == "postUsers":
		return `{"name":"Jonas Weber","email":"jonas@bakery.example.com","account":"c10000000000000000000001"}`
	case op.ID == "postConnect":
		return `{"platform":1,"account":"c10000000000000000000001","return_to":"/"}`
	case op.ID == "postConnectLinks":
		return `{"account":"c10000000000000000000001","platforms":[1,4],"days":7}`
	case op.ID == "postPlatforms":
		return `{"account":"c10000000000000000000001","platform":1,"external_id":"90011","name":"Corner Bakery"}`
	case op.ID == "postUsersSignInLink":
		return `{"valid_for":"24h"}`
	case op.ID == "postOpsSignInSubject":
		return `{"reason":"customer_request:OPS-17","subject":"5be86359-073c-434b-ad2d-a3932222dabe"}`
	case op.ID == "putConnectionTokens":
		return `{"access_token":"EAAB0example","expires_at":"2099-12-31T08:00:00Z"}`
	case op.Method == http.MethodPut, op.ID == "postDashboardPreview":
		return `{"allow_client_dashboard":true,"users":["a11ce0000000000000000000"]}`
	default:
		return `{"reason":"maintenance:OPS-17"}`
	}
}

// codeSample is an entry of x-codeSamples, which renderers of OpenAPI show.
type codeSample struct {
	Lang   string `json:"lang"`
	Label  string `json:"label"`
	Source string `json:"source"`
}

// samplesOf returns sample requests for a shell in which BASE and TOKEN are set.
func samplesOf(op api.Operation, stream bool) []codeSample {
	sample := func(flags string) codeSample {
		if op.Roles != nil || stream {
			flags += ` -H "Authorization: Bearer $TOKEN"`
		}
		return codeSample{"Shell", "curl", fmt.Sprintf(`curl%s "$BASE%s"`, flags, examplePath(op))}
	}
	switch {
	case strings.HasSuffix(op.Pattern, "*"):
		return nil // Socket.IO requires a client
	case slices.Contains([]string{"postOpsSignInLink", "postOpsSignInSubject", "postOpsUserExport", "postOpsMemberExport"}, op.ID):
		return nil // a token is not enough
	case op.Body != nil:
		data := "-d"
		if op.BodyMedia != "" {
			data = "--data-binary" // keeps line breaks
		}
		return []codeSample{
			sample(` -X ` + op.Method + ` -H "Content-Type: ` + cmp.Or(op.BodyMedia, mediaJSON) + `" ` + data + ` '` + exampleBody(op) + `'`),
		}
	case op.Method == http.MethodPost:
		return []codeSample{sample(" -X POST")}
	case stream, strings.HasSuffix(op.Pattern, "/events"):
		return []codeSample{sample(" -N")}
	default:
		return []codeSample{sample("")}
	}
}

// examplePath returns the path and query of a sample request, with the required parameters and
// those that determine the form of the response.
func examplePath(op api.Operation) string {
	path, query := op.Pattern, url.Values{}
	for _, p := range op.Parameters {
		switch {
		case p.In == api.InPath:
			path = strings.ReplaceAll(path, "{"+p.Name+"}", p.Example)
		case p.Required, slices.Contains([]string{"tz", "granularity", "limit"}, p.Name):
			query.Set(p.Name, p.Example)
		}
	}
	if len(query) == 0 {
		return path
	}
	return path + "?" + strings.ReplaceAll(query.Encode(), "%2F", "/")
}
