# The portal of LemonLDAP::NG with synthetic people in its demonstration backend,
# where a password is the name. LEMONLDAP_PEOPLE names the JSON file they are in;
# attributes are octets, as a directory gives them.
use strict;
use warnings;
use JSON qw(from_json);
use Lemonldap::NG::Portal::Main;
use Lemonldap::NG::Portal::UserDB::Demo;

open my $file, '<:raw', $ENV{LEMONLDAP_PEOPLE} or die "people: $!";
%Lemonldap::NG::Portal::UserDB::Demo::demoAccounts = %{ from_json( join '', <$file> ) };
%Lemonldap::NG::Portal::UserDB::Demo::demoGroups   = ();

Lemonldap::NG::Portal::Main->run( {} );
