To:
{% if customer.lines %}
    {{ customer.lines | join("\n") | indent(4) }}
{% else %}
    (no address)
{% end %}
