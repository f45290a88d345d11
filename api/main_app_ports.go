package api

import (
	"context"

	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/commands/connect"
)

// MainAppDeps are what a main application that signs people in itself registers pages with, and hands tokens over.
type MainAppDeps struct {
	Register PageRegister
	Tokens   TokenDesk
}

// PageRegister takes pages up; [connect.Registrations] implements it and says which errors there are.
type PageRegister interface {
	Register(ctx context.Context, reg connect.Registration) (connect.Registered, error)
}

// TokenDesk takes tokens; [collect.HandOverTokens] implements it and says which errors there are.
type TokenDesk interface {
	HandOver(ctx context.Context, connection int64, given collect.NewTokens) (collect.HandedOver, error)
}
