package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

// A main application serves the API under its own path and keeps its own authentication: its
// middleware sets the caller.
func ExampleHandler() {
	boards, err := api.Handler(api.Deps{
		Config: api.Config{Prefix: "/boards", CORSOrigins: []string{"https://app.example.com"}},
		// Called if the middleware has not set a caller.
		Authenticator: api.AuthenticatorFunc(func(*http.Request) (api.Principal, error) {
			return api.Principal{}, domain.NewError(domain.CodeUnauthenticated, "Sign in at https://app.example.com.")
		}),
		// mount.Open creates these for a log and a database.
		People: oneAgency{}, ParentAccount: oneAgency{}.ParentAccount, Dashboards: oneAgency{}, DashboardCommands: oneAgency{},
		Scope: readmodels.Scopes{}.Scope, Analytics: &analytics.Analytics{},
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	signedIn := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if session, err := r.Cookie("session"); err == nil && session.Value == "alice's" {
				r = r.WithContext(api.WithPrincipal(r.Context(), api.Principal{
					UserID: "a11ce0000000000000000000", AccountID: "aaaaaaaaaaaaaaaaaaaaaaaa", Roles: api.Roles{api.RoleAgency},
				}))
			}
			next.ServeHTTP(w, r)
		})
	}
	application := http.NewServeMux()
	application.Handle("/boards/", signedIn(boards))

	get := func(path, session string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, path, http.NoBody)
		r.AddCookie(&http.Cookie{Name: "session", Value: session})
		w := httptest.NewRecorder()
		application.ServeHTTP(w, r)
		return w
	}
	fmt.Println(get("/boards/api/projects/dashboard/c10000000000000000000001", "alice's").Code)
	fmt.Println(get("/boards/api/projects/dashboard/c10000000000000000000001", "nobody's").Code)
	var document struct {
		Servers []struct{ URL string }
	}
	if err := json.Unmarshal(get("/boards/openapi.json", "").Body.Bytes(), &document); err != nil {
		fmt.Println(err)
	}
	fmt.Println(document.Servers[0].URL)
	// Output:
	// 200
	// 401
	// /boards/
}

// oneAgency is a stub of the queries and use cases.
type oneAgency struct {
	api.DashboardReader
	api.DashboardCommands
}

func (oneAgency) ParentAccount(context.Context, string) (string, error) {
	return "aaaaaaaaaaaaaaaaaaaaaaaa", nil
}

func (oneAgency) Dashboard(_ context.Context, r readmodels.DashboardRequest) (readmodels.DashboardView, error) {
	return readmodels.DashboardView{ID: domain.NewDashboardID(r.ParentAccount, r.SubAccount), SubAccountID: r.SubAccount}, nil
}

func (oneAgency) UserStatus(_ context.Context, _, account string) (directory.UserStatus, error) {
	return directory.UserStatus{Known: true, Active: true, Account: account, AccountKnown: true, AccountActive: true}, nil
}
