package main

import (
	"errors"
	"fmt"
	"time"

	"eidgate/config"
	"eidgate/eid/notify"
	"eidgate/federation"
)

// senders are what the configuration names to send messages with.
func senders(cfg *config.Config, now func() time.Time) (map[notify.Channel]notify.Sender, error) {
	all := map[notify.Channel]notify.Sender{}
	var errs []error
	add := func(on bool, channel notify.Channel, open func() (notify.Sender, error)) {
		if !on {
			return
		}
		sender, err := open()
		all[channel], errs = sender, append(errs, err)
	}
	add(cfg.Notify.Mail(), notify.Email, func() (notify.Sender, error) { return mailSender(cfg, now) })
	add(cfg.Notify.SMS.On(), notify.SMS, func() (notify.Sender, error) { return smsSender(cfg) })
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return all, nil
}

// channels are those on which somebody sends.
func channels(cfg *config.Config) notify.Channels {
	return notify.Channels{Email: cfg.Notify.Mail(), SMS: cfg.Notify.SMS.On()}
}

// mailSender speaks to the mail server of the configuration.
func mailSender(cfg *config.Config, now func() time.Time) (*notify.SMTP, error) {
	s := &cfg.Notify.SMTP
	conf, err := clientTLS("notify.smtp", s.CAFile, "", "")
	if err != nil {
		return nil, err
	}
	sender, err := notify.NewSMTP(notify.SMTPConfig{
		Address: s.Address, Security: notify.Security(s.Security), TLS: conf, Username: s.Username, Password: s.Password, From: s.From, ReplyTo: s.ReplyTo,
	}, now)
	if err != nil {
		return nil, fmt.Errorf("notify.smtp: %w", err)
	}
	return sender, nil
}

// smsSender speaks to the SMSC, or to the provider, of the configuration.
func smsSender(cfg *config.Config) (notify.Sender, error) {
	if cfg.Notify.SMS.SMPP.Address != "" {
		return smppSender(cfg)
	}
	s := &cfg.Notify.SMS.HTTP
	allowed, err := federation.ParseDestinations(cfg.Outbound.Allow)
	if err != nil {
		return nil, fmt.Errorf("outbound.allow: %w", err)
	}
	conf, err := clientTLS("notify.sms.http", s.CAFile, "", "")
	if err != nil {
		return nil, err
	}
	sender, err := notify.NewHTTPSMS(notify.HTTPSMSConfig{
		URL: s.URL, Method: s.Method, Format: notify.Format(s.Format), Headers: s.Headers, Body: s.Body, Token: s.Token,
		Answer: notify.Answer{Path: s.Answer.Path, Sent: s.Answer.Sent, Busy: s.Answer.Busy, Refused: s.Answer.Refused},
	}, federation.NewOutboundTLS(allowed, conf).Patient())
	if err != nil {
		return nil, fmt.Errorf("notify.sms.http: %w", err)
	}
	return sender, nil
}

func smppSender(cfg *config.Config) (*notify.SMPP, error) {
	s := &cfg.Notify.SMS.SMPP
	conf, err := clientTLS("notify.sms.smpp", s.CAFile, "", "")
	if err != nil {
		return nil, err
	}
	sender, err := notify.NewSMPP(notify.SMPPConfig{
		Address: s.Address, Security: notify.Security(s.Security), TLS: conf, SystemID: s.SystemID, Password: s.Password, SystemType: s.SystemType, Source: s.Source,
	})
	if err != nil {
		return nil, fmt.Errorf("notify.sms.smpp: %w", err)
	}
	return sender, nil
}

// smsAt names where SMS are handed over; empty where nobody is sent any.
func smsAt(cfg *config.Config) string {
	if at := cfg.Notify.SMS.SMPP.Address; at != "" {
		return at
	}
	return hostIn(cfg.Notify.SMS.HTTP.URL)
}
