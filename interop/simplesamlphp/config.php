<?php
// SimpleSAMLphp as an identity provider, all of it in one folder. A template: the
// run fills in its folder, its address and a secret.
$config = [
    'baseurlpath' => '{{.Origin}}/',
    'certdir' => '{{.Dir}}/',
    'loggingdir' => '{{.Dir}}/',
    'datadir' => '{{.Dir}}/',
    'tempdir' => '{{.Dir}}/tmp',
    'metadatadir' => '{{.Dir}}/metadata/',
    'secretsalt' => '{{.Salt}}',
    'auth.adminpassword' => '{{.Salt}}',
    'technicalcontact_name' => 'interop',
    'technicalcontact_email' => 'na@example.org', // the default: none is published
    'timezone' => 'Asia/Ho_Chi_Minh',
    'logging.level' => SimpleSAML\Logger::NOTICE,
    'logging.handler' => 'errorlog',
    'showerrors' => true,
    'errorreporting' => false,
    'admin.checkforupdates' => false,
    'enable.saml20-idp' => true,
    'module.enable' => ['exampleauth' => true, 'core' => true, 'saml' => true],
    'session.cookie.secure' => false, // http on loopback
    'session.cookie.samesite' => null,
    'language.cookie.secure' => false,
    'store.type' => 'phpsession',
    'session.phpsession.savepath' => '{{.Dir}}/sessions',
    'session.phpsession.httponly' => true,
    'language.available' => ['en'],
    'language.default' => 'en',
    'theme.use' => 'default',
    'metadata.sources' => [
        ['type' => 'flatfile'],
        ['type' => 'xml', 'file' => '{{.Dir}}/gateway.xml'],
    ],
    'metadata.sign.enable' => false,
    'authproc.idp' => [],
];
