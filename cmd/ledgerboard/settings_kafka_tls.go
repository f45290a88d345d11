package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"
)

// kafkaTLS configures TLS for both Kafka clients.
type kafkaTLS struct {
	KafkaTLS  bool   `env:"LEDGERBOARD_KAFKA_TLS" help:"Connect to Kafka over TLS."`
	KafkaCA   string `name:"kafka-ca" env:"LEDGERBOARD_KAFKA_CA" placeholder:"FILE" help:"Certificates (PEM) of the authorities that sign broker certificates. Default: those that this machine trusts."`
	KafkaCert string `env:"LEDGERBOARD_KAFKA_CERT" placeholder:"FILE" help:"Client certificate and key (PEM, in one file), if brokers require them."`

	loaded *tls.Config // nil if TLS is disabled
}

// AfterApply reads the files once the settings are parsed, so that every command with these
// settings refuses invalid ones before it starts.
func (k *kafkaTLS) AfterApply() (err error) {
	k.loaded, err = k.load()
	return err
}

// load returns an error that lists all faults.
func (k *kafkaTLS) load() (*tls.Config, error) {
	if !k.KafkaTLS {
		var wrong faults
		for name, value := range map[string]string{"CA": k.KafkaCA, "CERT": k.KafkaCert} {
			wrong.unlessf(value == "", "LEDGERBOARD_KAFKA_%s is set, but LEDGERBOARD_KAFKA_TLS is not true: traffic and credentials would be readable on the network", name)
		}
		return nil, wrong.err()
	}
	var wrong faults
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if k.KafkaCA != "" {
		roots, err := readAuthorities(k.KafkaCA)
		wrong.add(wrapError("LEDGERBOARD_KAFKA_CA", err))
		config.RootCAs = roots
	}
	if k.KafkaCert != "" {
		pair, err := tls.LoadX509KeyPair(k.KafkaCert, k.KafkaCert)
		wrong.add(wrapError("LEDGERBOARD_KAFKA_CERT", err))
		config.Certificates = []tls.Certificate{pair}
	}
	if err := wrong.err(); err != nil {
		return nil, err
	}
	return config, nil
}

func readAuthorities(path string) (*x509.CertPool, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read certificates: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(raw) {
		what := "no certificate (PEM) in it"
		if strings.Contains(string(raw), "PRIVATE KEY") {
			what = "a private key but no certificate in it: set it as LEDGERBOARD_KAFKA_CERT"
		}
		return nil, fmt.Errorf("%s has %s", path, what)
	}
	return roots, nil
}
