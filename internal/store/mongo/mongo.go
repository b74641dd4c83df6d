// Package mongo is a message store in a collection of MongoDB, with the documents of storage.md section 6. It writes those of 5.2 and
// later, and reads these and the older ones, whoever wrote them: texts and binary values, compressed or not.
//
// What has expired is removed by the server, by way of an index that this package makes; where a server has no such index, by our
// sweep.
//
// Goroutines: those of the driver, from Open to Close.
package mongo

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"posthoorn/internal/store"
)

// collection is the store.Engine.
type collection struct {
	client    *mongo.Client
	documents *mongo.Collection
	attempts  int // of a lookup
	codec     store.Codec
	split     int                  // bytes of a value from which on it is kept in parts
	removes   atomic.Pointer[bool] // the server removes what has expired; nil: not known yet
}

var _ store.Engine = (*collection)(nil)

// mostBytes of a value in one document, of which a server takes 16 MB.
const mostBytes = 15_000_000

// longestSearch is how long a call looks for a server that answers, while others wait for its slot.
const longestSearch = 5 * time.Second

// Open returns the store at an address. No server is called, so an error is one of the address.
func Open(a store.Address, o store.Options) (*store.Store, error) { return openSplit(a, o, mostBytes) }

// openSplit keeps values of more than split bytes in parts.
func openSplit(a store.Address, o store.Options, split int) (*store.Store, error) {
	o = o.WithDefaults()
	client, err := mongo.Connect(clientOptions(a, o))
	if err != nil {
		return nil, fmt.Errorf("%s: %s", a, hide(err.Error(), a))
	}
	c := &collection{
		client: client, documents: client.Database(a.Database).Collection(a.Collection),
		attempts: a.ReadAttempts, codec: store.Codec{Gzip: a.Gzip}, split: split,
	}
	return store.New(a.String(), c, o), nil
}

// clientOptions are ours, unless the address says otherwise.
func clientOptions(a store.Address, o store.Options) *options.ClientOptions {
	durable := true
	set := options.Client().
		SetServerSelectionTimeout(longestSearch).
		SetMaxPoolSize(uint64(o.Threads) + 1). // one more than calls: the sweep
		SetWriteConcern(&writeconcern.WriteConcern{W: "majority", Journal: &durable})
	if a.ReplicaSet != "" {
		set.SetReplicaSet(a.ReplicaSet)
	}
	return set.ApplyURI(uri(a))
}

// uri is an address as the driver reads it.
func uri(a store.Address) string {
	u := url.URL{Scheme: "mongodb", Host: strings.Join(a.Hosts, ","), Path: "/" + a.Database, RawQuery: strings.ReplaceAll(a.Driver.Encode(), "+", "%20")}
	switch {
	case a.User != "" && a.Secret() != "":
		u.User = url.UserPassword(a.User, a.Secret())
	case a.User != "":
		u.User = url.User(a.User)
	}
	return u.String()
}

// hide takes out of a text what the driver may have quoted from the address: the password, and options, of which some are secret too.
func hide(text string, a store.Address) string {
	secrets := []string{a.Secret(), url.QueryEscape(a.Secret()), url.PathEscape(a.Secret())}
	if login, _, ok := strings.Cut(strings.TrimPrefix(uri(a), "mongodb://"), "@"); ok {
		_, password, _ := strings.Cut(login, ":")
		secrets = append(secrets, password)
	}
	for name, values := range a.Driver {
		if strings.Contains(strings.ToLower(name), "password") || strings.EqualFold(name, "authMechanismProperties") {
			secrets = append(secrets, values...)
			secrets = append(secrets, url.QueryEscape(values[0]))
		}
	}
	for _, secret := range secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "…")
		}
	}
	return text
}

func (*collection) Every() time.Duration { return time.Minute }

func (c *collection) Close() error {
	ctx, stop := context.WithTimeout(context.Background(), 5*time.Second)
	defer stop()
	err := c.client.Disconnect(ctx)
	if errors.Is(err, mongo.ErrClientDisconnected) {
		return nil
	}
	return err
}
