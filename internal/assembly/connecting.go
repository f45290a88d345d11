package assembly

import (
	"context"
	"time"

	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// ConnectConfig says how pages are connected in a browser.
type ConnectConfig struct {
	PublicURL     string   // where browsers find this service
	ReturnOrigins []string // that a result page may lead back to, beside our own
	// Fetch says where the platforms are, who we are there, and their quotas. Where the process reads platforms, it is [Config.Fetch].
	Fetch FetchConfig
}

// newConnect completes what connects with what it stores in and appends to.
func (s *Service) newConnect(ctx context.Context, c ConnectConfig) (*connect.Connect, error) {
	if c.Fetch.Now == nil {
		c.Fetch.Now = time.Now
	}
	network, err := s.network(ctx, c.Fetch)
	if err != nil {
		return nil, err
	}
	secrets, err := s.Secrets(ctx)
	if err != nil {
		return nil, err
	}
	at := c.Fetch.Platforms
	config := connect.Config{
		Directory: readmodels.Connecting{Pool: s.ReadPool}, Store: vault.NewConnecting(s.KeptPool), Secrets: secrets,
		Places: readmodels.Connections{Pool: s.ReadPool}, SignIns: network.clients, Log: s.Log,
		Moved:     s.directoryMoved,
		Look:      s.wakeFetchers,
		PublicURL: c.PublicURL, ReturnOrigins: c.ReturnOrigins,
		Apps: map[domain.Platform]string{
			domain.Facebook: at.Facebook.ClientID, domain.Instagram: at.Instagram.ClientID, domain.LinkedIn: at.LinkedIn.ClientID, domain.TikTok: at.TikTok.ClientID,
		},
		Now: c.Fetch.Now, Logger: s.settings.Logger,
	}
	if network.clients.HearsMeta() {
		config.Meta, config.Asked = network.clients, s.Asked
	}
	return connect.New(config)
}
