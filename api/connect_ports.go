package api

import (
	"context"

	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
)

// ConnectDesk connects pages and profiles in a browser; *[connect.Connect] implements it and says which errors there are.
type ConnectDesk interface {
	Begin(ctx context.Context, r connect.Request, still connect.Still) (connect.Begun, error)
	BeginAgain(ctx context.Context, id, cookie string, still connect.Still) (connect.Begun, error)
	Status(ctx context.Context, r domain.ConnectRequester, id string) (connect.Status, error)
	Disconnect(ctx context.Context, r domain.ConnectRequester, socialAccount int64, still connect.Still) (connect.Disconnected, error)

	MakeLink(ctx context.Context, r connect.LinkRequest, still connect.Still) (connect.MadeLink, error)
	Links(ctx context.Context, r domain.ConnectRequester, still connect.Still) ([]domain.ConnectLink, error)
	RevokeLink(ctx context.Context, r domain.ConnectRequester, id string, still connect.Still) (domain.ConnectLink, error)

	Open(ctx context.Context, start, cookie string, still connect.Still) (connect.Opened, error)
	CallBack(ctx context.Context, b connect.CameBack, still connect.Still) (id string, err error)
	WhyNotBack(ctx context.Context, b connect.CameBack) error
	View(ctx context.Context, id, cookie string, still connect.Still) (connect.View, error)
	Choose(ctx context.Context, id string, chosen connect.Chosen, still connect.Still) error
	Link(ctx context.Context, token, cookie string, still connect.Still) (connect.LinkPage, error)
	Follow(ctx context.Context, token, cookie string, platform domain.Platform, still connect.Still) (connect.Begun, error)

	HearsMeta() bool
	Deauthorized(ctx context.Context, raw string) error
	DeletionAsked(ctx context.Context, raw string) (connect.DeletionAnswer, error)
	Deletion(ctx context.Context, code string) (connect.DeletionState, error)

	// Public is the address of one of our paths as browsers outside write it.
	Public(path string) string
}
