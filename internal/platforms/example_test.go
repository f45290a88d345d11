package platforms_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// A client reads its platform's answer. A figure that the platform does not report is absent, never
// 0.
func Example() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println(r.Method, r.URL.Path, r.Header.Get("Authorization"))
		fmt.Fprint(w, `{"data":{"user":{"open_id":"723f-open","follower_count":1284}},"error":{"code":"ok"}}`)
	}))
	defer server.Close()
	set, err := platforms.New(platforms.Config{TikTok: platforms.Endpoint{BaseURL: server.URL}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer set.Close()
	client, err := set.For(domain.TikTok)
	if err != nil {
		fmt.Println(err)
		return
	}
	account, err := client.Account(
		context.Background(), platforms.Target{AccessToken: "t0ken", ExternalID: "723f-open"}, platforms.AccountRequest{},
	)
	for _, figure := range account.Figures {
		fmt.Println(figure.Name, figure.Kind, figure.Value, figure.Source)
	}
	for _, missing := range account.Missing {
		fmt.Println("missing:", missing.Name, missing.Code)
	}
	fmt.Println(err)
	// Output:
	// GET /v2/user/info/ Bearer t0ken
	// followers stock 1284 follower_count
	// missing: posts no_data
	// missing: likes no_data
	// missing: engagement no_data
	// <nil>
}
